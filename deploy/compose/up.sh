#!/bin/sh
# Brings everything up: makes what is secret, once, then `docker compose up`. Options go to it (-d, --wait).
#   up.sh [--secrets-only] [OPTION]...
set -eu
cd "$(dirname "$0")"
secrets=${SECRETS:-secrets}

mkdir -p "$secrets"
chmod 700 "$secrets"
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
for name in redis_admin redis_board redis_producer redis_daemon redis_viewer postgres grafana api_viewer api_operator; do
    [ -s "$secrets/$name" ] || random >"$secrets/$name"
done
../redis/users.sh "$secrets" >"$secrets/users.acl"
printf '"app" "%s"\n' "$(cat "$secrets/postgres")" >"$secrets/pgbouncer_users"
printf 'postgres://app:%s@pgbouncer:6432/app' "$(cat "$secrets/postgres")" >"$secrets/database_url"
printf 'redis://cartrita-board:%s@redis:6379' "$(cat "$secrets/redis_board")" >"$secrets/api_redis"
for role in viewer operator; do
    printf -- '- {name: %s, role: %s, sha256: %s}\n' "$role" "$role" "$(sha256sum <"$secrets/api_$role" | cut -d ' ' -f 1)"
done >"$secrets/api_tokens.yaml"
# Containers run as users of their own; the folder keeps everybody else out.
chmod 444 "$secrets"/*

[ "${1:-}" != --secrets-only ] || exit 0
exec docker compose -p cartrita up --build "$@"
