# The animals of the zoo that live in a child of the exec plugin: one job after another, the job's
# name says which. Started by zoo.test.mjs as `sh zoo.sh`.
while read -r line; do
    id=$(expr "$line" : '.*"id":"\([^"]*\)"')
    name=$(expr "$line" : '.*"name":"\([^"]*\)"')
    gate=$(expr "$line" : '.*"gate":"\([^"]*\)"')
    answer() { printf '{"type":"completed","id":"%s","returnvalue":"%s"}\n' "$id" "$1"; }
    case $name in
    loop) while :; do :; done ;;
    deaf) trap '' TERM INT HUP && while :; do sleep 1; done ;;
    exits) exit 7 ;;
    'kills itself') kill -9 $$ ;;
    'leaves child')
        setsid sleep 1000 </dev/null >/dev/null 2>&1 &
        answer left
        ;;
    'kills guard') kill -9 "$PPID" && sleep 1000 ;;
    'kills runner') kill -9 "$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$PPID/status")" && sleep 1000 ;;
    leak) exec tail /dev/zero ;;
    'fork bomb') for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do setsid sleep 1000 & done; done; wait ;;
    'talks nonsense') printf 'this is no JSON\n{"type":"completed","id":"nobody"}\n' && answer said ;;
    'closes its output') exec >&- && sleep 1000 ;;
    'output flood') yes 'flood on standard error' | head -n 200000 >&2 && answer flooded ;;
    'writes elsewhere') if (: >/var/tmp/cartrita-zoo) 2>/dev/null; then answer written; else answer refused; fi ;;
    hold)
        printf '{"type":"progress","id":"%s","value":1}\n' "$id"
        while [ ! -e "$gate" ]; do sleep 0.01; done
        answer held
        ;;
    *) answer good ;;
    esac
done
