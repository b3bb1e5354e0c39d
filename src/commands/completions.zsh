#compdef boundtoken
function _boundtoken() {
    local -a offered=("${(@f)$(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((CURRENT - 1)) BOUNDTOKEN_COMPLETE=zsh \
        boundtoken -- "${words[@]}" 2>/dev/null)}")
    local -a started=() complete=()
    local candidate
    for candidate in $offered; do
        # No space follows a directory or a key, because more is to come.
        if [[ ${candidate%%:*} == *[=/] ]]; then started+=("$candidate"); else complete+=("$candidate"); fi
    done
    (( $#started )) && _describe -V values started -S ''
    (( $#complete )) && _describe -V values complete
}
compdef _boundtoken boundtoken
