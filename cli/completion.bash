# completion.bash - bash completion of millrace: commands, options, files and contexts.
# Made from the table in cli/commands.c by tests/lint/cli_reference.py --write; do not edit.
_millrace()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' opts='' words=''
    local i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --context | --socket) ((i++)) ;;
            -*) ;;
            *)
                command=${COMP_WORDS[i]}
                break
                ;;
        esac
    done
    local commands='dev init get sub pub req serve replay who check version help'
    case $previous in
        --context)
            words=$(cd "${XDG_CONFIG_HOME:-$HOME/.config}/millrace/contexts" 2>/dev/null && echo *.yaml)
            mapfile -t COMPREPLY < <(compgen -W "${words//.yaml/}" -- "$current")
            return
            ;;
        --dir | --out | --data)
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return
            ;;
        --socket | --file | --map | --units)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --brokers | --address | --interval | --seconds | --agents | --port | --name | --path | --broker | --reach | --wait | --count | --confirm | --unit | --type | --quality | --source | --exec | --text | --device | --to | --speed | --from | --to-time | --form)
            return
            ;;
    esac
    case $command in
        '')
            opts='--help --version --context --socket'
            words=$commands
            ;;
        dev)
            opts='--help --brokers --dir --address --interval --seconds'
            ;;
        init)
            opts='--help --out --brokers --agents --port --name --path --broker --address --reach --data --socket --json'
            ;;
        get)
            opts='--help --all-publishers --watch --wait --json --context --socket'
            ;;
        sub)
            opts='--help --count --seconds --no-snapshot --confirm --raw --json --context --socket'
            ;;
        pub)
            opts='--help --unit --type --quality --source --keep --clear --file --wait --context --socket'
            ;;
        req)
            opts='--help --wait --json --context --socket'
            ;;
        serve)
            opts='--help --exec --text --count --wait --context --socket'
            ;;
        replay)
            opts='--help --map --units --device --to --speed --from --to-time --confirm --dry-run --json --context --socket'
            ;;
        who)
            opts='--help --dead --wait --json --context --socket'
            ;;
        check)
            opts='--help --wait --json --context --socket'
            ((i + 1 == COMP_CWORD)) && words='config host bus'
            ;;
        version)
            opts='--help --json'
            ;;
        help)
            opts='--help --form'
            words=$commands
            ;;
    esac
    [[ $current == -* ]] && words=$opts
    if [[ $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    elif [[ $command == check ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -F _millrace millrace
