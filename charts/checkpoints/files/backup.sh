#!/bin/sh
# Dumps every database into /backup, proves that each dump can be read, and keeps the newest $KEEP of each.
set -eu
for folder in /usr/lib/postgresql/*/bin; do PATH="$folder:$PATH"; done
export PATH

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
