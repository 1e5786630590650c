#!/bin/sh
# Dumps every database into /backup, proves that each dump can be read, and keeps the newest $KEEP of each.
set -eu
for folder in /usr/lib/postgresql/*/bin; do PATH="$folder:$PATH"; done
export PATH

# a new pod may be shut off for a moment, until the cluster's network agent has read its policies
tries=0
until pg_isready -q -d postgres; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || { echo "PostgreSQL on $PGHOST did not answer for 30 s"; exit 1; }
  sleep 1
done

now=$(date -u +%Y%m%dT%H%M%SZ)
names=$(psql -d postgres -Atc "select datname from pg_database where datallowconn and not datistemplate and datname <> 'postgres'")
[ -n "$names" ] || { echo "no database to back up on $PGHOST"; exit 1; }
for name in $names; do
  target=/backup/$name-$now.dump
  pg_dump --format=custom --file="$target.part" "$name"
  pg_restore --list "$target.part" >/dev/null
  mv "$target.part" "$target"
  echo "$target: $(stat -c %s "$target") bytes"
  # shellcheck disable=SC2012  # our own names: letters, digits, - and .
  ls -1 /backup/"$name"-*.dump | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do rm -f "$old"; echo "$old: removed"; done
done
