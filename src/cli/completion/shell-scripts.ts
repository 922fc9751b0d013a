/** What the shells run: each asks `kastor __complete` with the words so far, so that none can be out of step with the program. */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The script for a program of this name. */
export function scriptFor(shell: Shell): string {
  return scripts[shell];
}

// Bash breaks words at `:` and `=`, so the line is read anew; nothing newer than bash 3.2 is used.
const bash = String.raw`# kastor: completion for bash. Try it with: source <(kastor completion bash)
_kastor_complete() {
  local line="${'$'}{COMP_LINE:0:COMP_POINT}" current value about
  local -a words
  read -ra words <<<"$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  current="${'$'}{words[${'$'}{#words[@]} - 1]}"
  COMPREPLY=()
  while IFS=$'\t' read -r value about; do
    if [ "$value" = :files ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "${'$'}{current#--*=}")
      return
    fi
    case "$current" in --*=*) value="${'$'}{value#--*=}" ;; esac
    COMPREPLY+=("$value")
  done < <("$1" __complete -- "${'$'}{words[@]:1}" 2>/dev/null)
}
complete -F _kastor_complete kastor
`;

const zsh = String.raw`#compdef kastor
# kastor: completion for zsh. Try it with: source <(kastor completion zsh)
_kastor() {
  local line
  local -a candidates
  for line in "${'$'}{(@f)$("${'$'}{words[1]}" __complete -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == :files ]]; then
      compset -P '--*='
      _files
      return
    fi
    [[ -n "$line" ]] && candidates+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}")
  done
  (( ${'$'}{#candidates} )) && _describe -V kastor candidates
}
if [[ "${'$'}{funcstack[1]}" == _kastor ]]; then
  _kastor "$@"
else
  compdef _kastor kastor
fi
`;

const fish = String.raw`# kastor: completion for fish. Try it with: kastor completion fish | source
function __kastor_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (string replace -r '^--[a-z-]+=' '' -- (commandline -ct))
        else
            printf '%s\n' $line
        end
    end
end
complete -c kastor -f -a '(__kastor_complete)'
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
