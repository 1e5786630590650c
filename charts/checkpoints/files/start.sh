#!/bin/sh
# Starts PostgreSQL on any image that has `postgres` and `initdb`; makes the cluster first where there is none.
set -eu
for folder in /usr/lib/postgresql/*/bin; do PATH="$folder:$PATH"; done
export PATH

if [ ! -e "$PGDATA" ]; then
  # made aside and moved at once: a start that is killed half-way leaves nothing that looks like a cluster
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile=/etc/postgres-password/password --encoding=UTF8 \
    --locale=C.UTF-8 --auth=scram-sha-256 --data-checksums
  mv "$PGDATA.new" "$PGDATA"
fi
[ -s "$PGDATA/PG_VERSION" ] || { echo "$PGDATA has no PG_VERSION: this is not a cluster; look at the volume"; exit 1; }
exec postgres -D "$PGDATA" -c config_file=/etc/postgres/postgresql.conf
