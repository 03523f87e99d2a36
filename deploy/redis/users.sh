#!/bin/sh
# Writes the ACL file that redis-server loads: roles.acl, whose rules `cartrita-q acl print --form file`
# makes, with the SHA-256 of each role's password. The passwords are files: SECRETS/redis_ROLE.
#   users.sh SECRETS >users.acl
set -eu
secrets=$1
hash_of() { head -n 1 "$secrets/redis_$1" | tr -d '\n' | sha256sum | cut -d ' ' -f 1; }

# Nobody without a name; who runs Redis has all.
echo "user default off"
echo "user admin on #$(hash_of admin) ~* &* +@all"
# bull-board changes queues as an operator does, and so may all that BullMQ does with a queue.
echo "user cartrita-board on #$(hash_of board) ~bull:* &bull:* +@all -@admin -@dangerous +info +client|list +keys"
while read -r user name rules; do
    echo "$user $name #$(hash_of "${name#cartrita-}") $rules"
done <"$(dirname "$0")/roles.acl"
