#!/bin/sh
# Puts one dump into its database, all or nothing. Refuses while somebody else is connected to it.
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

[ -s "/backup/$FILE" ] || { echo "/backup/$FILE is not there; there are:"; ls -1 /backup; exit 1; }
others=$(psql -d postgres -At -v name="$DATABASE" <<'SQL'
select count(*) from pg_stat_activity where datname = :'name' and backend_type = 'client backend'
SQL
)
[ "$others" -eq 0 ] || { echo "$others connections to $DATABASE: scale api, worker and Airflow to 0 first"; exit 1; }
pg_restore --clean --if-exists --exit-on-error --single-transaction --dbname="$DATABASE" "/backup/$FILE"
echo "$FILE restored into $DATABASE"
