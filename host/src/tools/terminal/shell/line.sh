# Runs a line in this shell, and writes where it ended and what it exports.
# Arguments: processes, the file for what is kept, the line.
#
# For `bash` and for `sh`. It is folded into one line, so that the shell counts
# those of the child from 1: every line here ends where a blank may follow.

ulimit -u "$1" 2>/dev/null || ulimit -p "$1" 2>/dev/null;
readonly __hermitage_kept="$2";
__hermitage_line=$3;

# Writes it, and leaves `$?` as it was. Its argument is how many shells deep it
# runs when the shell is that of the line: what others end with does not count.
# Nothing is looked up in `PATH`, or in the functions of the line.
__hermitage_keep() {
    set -- "$?" "$1";
    case "${BASH_SUBSHELL-$2}" in "$2")
        (
            umask 077;
            {
                command printf '%s\0' "$(command pwd -P)";
                LD_PRELOAD= LD_LIBRARY_PATH= /usr/bin/env -0;
            } >|"$__hermitage_kept"
        );;
    esac;
    return "$1";
};

# `trap` of the line. What it wants done when its shell ends is done after that.
# To take a trap of the last three kinds back has no effect in a function, so
# there it becomes one that does nothing.
__hermitage_trap() {
    case "${1-}" in
        --) shift;;
        -?*) command trap "$@"; return;;
    esac;
    case "${1-}" in
        ''|*[!0-9]*) ;;
        *) set -- - "$@";;
    esac;
    case $# in
        0) command trap; return;;
        1) set -- - "$1";;
    esac;
    local action="$1" res=0 it;
    shift;
    for it in "$@"; do
        case "$action $it" in
            '- 0'|'- EXIT') command trap -- "$__hermitage_end" EXIT;;
            *' 0'|*' EXIT') command trap -- "$__hermitage_end; $action" EXIT;;
            [-\ ]*ERR|[-\ ]*DEBUG|[-\ ]*RETURN) command trap -- : "$it";;
            *) command trap -- "$action" "$it" || res=1;;
        esac;
    done;
    return "$res";
};

# With `&& :` it is no end of the trap, whatever options the line has set.
readonly __hermitage_end='{ __hermitage_keep 0 && :; } >/dev/null 2>&1';
command trap -- "$__hermitage_end" EXIT;

# `exec` is not the end of a shell, so it is kept before. In a function it would
# not do what it is for, so both are aliases.
case "${BASH_VERSION-}" in ?*)
    readonly -f __hermitage_keep __hermitage_trap;
    shopt -s expand_aliases;;
esac;
alias trap=__hermitage_trap exec='exec $({ __hermitage_keep 1; } 2>/dev/null)';

set --;
eval "$__hermitage_line"
