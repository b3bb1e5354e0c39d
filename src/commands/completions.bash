_boundtoken() {
    local IFS=$'\013' words=() last='' prefix word i
    # Bash splits a word at "=", ":" and "@": KEY=VALUE and user@cluster are joined again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)) && [[ $word != [=:@]* ]]; then word=$2; fi
        if ((i > 0)) && [[ $word == [=:@]* || ($last == [=:@]* && -n $word) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        last=$word
    done
    # Only what follows the last of these characters is replaced.
    word=${words[${#words[@]}-1]}
    prefix=${word%"$2"}
    if ! COMPREPLY=($(
        _CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE \
            BOUNDTOKEN_COMPLETE=bash boundtoken -- "${words[@]}"
    )); then
        unset COMPREPLY
        return
    fi
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    if [[ ${COMPREPLY-} != *[=/:] ]]; then compopt +o nospace 2>/dev/null; fi
}
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then
    complete -o nospace -o bashdefault -o nosort -F _boundtoken boundtoken
else
    complete -o nospace -o bashdefault -F _boundtoken boundtoken
fi
