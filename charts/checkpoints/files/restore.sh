#!/bin/sh
# Puts one dump into its database, all or nothing. Refuses while somebody else is connected to it.
set -eu
for folder in /usr/lib/postgresql/*/bin; do PATH="$folder:$PATH"; done
export PATH

[ -s "/backup/$FILE" ] || { echo "/backup/$FILE is not there; there are:"; ls -1 /backup; exit 1; }
others=$(psql -d postgres -At -v name="$DATABASE" <<'SQL'
select count(*) from pg_stat_activity where datname = :'name' and backend_type = 'client backend'
SQL
)
[ "$others" -eq 0 ] || { echo "$others connections to $DATABASE: scale api, worker and Airflow to 0 first"; exit 1; }
pg_restore --clean --if-exists --exit-on-error --single-transaction --dbname="$DATABASE" "/backup/$FILE"
echo "$FILE restored into $DATABASE"
