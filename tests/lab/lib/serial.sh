# shellcheck shell=bash disable=SC2034
# Speaks with guests by their serial consoles. Several can be attached at the same time; the words below use the one
# that was opened or chosen last.
#
#   serial_open GUEST [N]      attaches to its serial console, as a person would (N: port number N). After a restore or
#                              a reboot it must be opened again, since there is a new console
#   serial_create GUEST        $XL create -c: creates the guest, with the console on the same terminal
#   serial_use GUEST           chooses a console that is attached
#   serial_close [GUEST]       detaches
#   serial_wait REGEX [SECS]   waits for a line that matches: $serial_line. All lines are in $serial_log
#   serial_send TEXT           sends a line
#   serial_echo TEXT           sends a line, and waits until the boot sector has repeated it
#   up GUEST [SECS]            serial_open; waits until a boot sector or Linux guest is ready
#   answers TEXT               serial_open of tiny, serial_echo
#   guest_run COMMAND [SECS]   the Linux guest runs it: $guest_output. Several lines are sent as one
#   sees_disc NAME             fails unless the guest reads exactly that disc (word `disc`) from its CD drive
#   sees_no_disc               fails unless the guest's CD drive is empty

limit=60 # seconds that a wait may take by default
serial_name='' serial_log='' serial_line=''
declare -A serial_pid=() serial_fd=() serial_from=() serial_logs=()

serial_use() {
    [ -n "${serial_pid[$1]:-}" ] || fail "nobody is attached to the serial port of $1"
    serial_name=$1 serial_log=${serial_logs[$1]}
}
serial_close() {
    local name=${1:-$serial_name} fd
    [ -n "${serial_pid[$name]:-}" ] || return 0
    { kill "${serial_pid[$name]}" && wait "${serial_pid[$name]}"; } 2>/dev/null || true
    fd=${serial_fd[$name]}
    exec {fd}>&-
    unset "serial_pid[$name]" "serial_fd[$name]"
}
serial_close_all() {
    local name
    for name in "${!serial_pid[@]}"; do serial_close "$name"; done
}

serial_open() {
    # xl console gets a terminal of its own. Without one it does not pass on what is sent.
    local address="EXEC:xl console -t serial -n ${2:-0} $1,pty,setsid,ctty,raw,echo=0"
    [ -z "$there" ] || address=$(peer_console "$address")
    serial_attach "$1" "$address"
}
serial_create() {
    serial_attach "$1" "EXEC:$XL create -c $cfg,pty,setsid,ctty,raw,echo=0"
}
# serial_attach GUEST ADDRESS: attaches to an address of socat's.
serial_attach() {
    local fd input=$scratch/serial-$1.in log=$OUT/serial-$1.txt
    serial_close "$1"
    mkfifo "$input"
    exec {fd}<>"$input"
    rm "$input"
    # Ends a line that an earlier guest has begun.
    touch "$log"
    [ -z "$(tail -c 1 "$log")" ] || echo >>"$log"
    serial_from[$1]=$(($(wc -l <"$log") + 1))
    socat - "$2" <&"$fd" >>"$log" 2>>"$OUT/serial-errors.txt" {fd}>&- &
    serial_pid[$1]=$! serial_fd[$1]=$fd serial_logs[$1]=$log
    serial_use "$1"
}

# Looks only at lines after the last match.
serial_wait() {
    local limit=${2:-$limit} start=$SECONDS line from=${serial_from[$serial_name]}
    until line=$(tail -n "+$from" "$serial_log" 2>/dev/null | tr -d '\r' | grep -Ean -m 1 -- "$1"); do
        [ $((SECONDS - start)) -lt "$limit" ] ||
            fail "serial: no /$1/ within $limit s; last: $(tr -d '\r' <"$serial_log" | tail -n 1 | cut -c1-100)"
        kill -0 "${serial_pid[$serial_name]}" 2>/dev/null ||
            fail "serial: the console ended: $(tail -n 1 "$OUT/serial-errors.txt")"
        sleep 0.2
    done
    serial_from[$serial_name]=$((from + ${line%%:*}))
    serial_line=${line#*:}
}
serial_send() { printf '%s\r' "$1" >&"${serial_fd[$serial_name]}"; }

serial_echo() {
    serial_send "$1"
    serial_wait "you said: $(sed 's/[][\.*^$+?(){}|]/\\&/g' <<<"$1")" "${2:-15}"
}
up() {
    serial_open "$1"
    serial_wait 'boot sector: tick|linux guest: ready' "${2:-60}"
}
answers() {
    serial_open tiny
    serial_echo "$1"
}

guest_runs=0
guest_run() {
    guest_runs=$((guest_runs + 1))
    local from=${serial_from[$serial_name]}
    serial_send "run $guest_runs ${1//$'\n'/ }"
    serial_wait "^done $guest_runs [0-9]+" "${2:-$limit}"
    guest_output=$(tail -n "+$from" "$serial_log" | tr -d '\r' | sed "/^done $guest_runs /,\$d")
    [ "${serial_line##* }" = 0 ] || fail "guest: $1: status ${serial_line##* }: $(tail -n 1 <<<"$guest_output")"
}
# The guest's first read of a new disc can fail.
in_time() { guest_run "for i in \$(seq 40); do $1 && exit 0; sleep 0.5; done; exit 1" 120; }
sees_disc() { in_time "md5sum /dev/sr0 | grep $(md5sum "$scratch/$1.iso" | cut -c1-32)"; }
sees_no_disc() { in_time 'dd if=/dev/sr0 of=/dev/null bs=2k count=1 2>&1 | grep "No medium found"'; }
