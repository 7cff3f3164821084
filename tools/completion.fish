# SPDX-License-Identifier: BSD-2-Clause
# fish completion for memsan(1).  The command itself knows the words (tools/words.c).

function __memsan_words
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                set -l typed (commandline -ct)
                set -l before (string match -r '^.*=' -- $typed)
                for file in (__fish_complete_path (string replace -r '^.*=' '' -- $typed))
                    echo "$before$file"
                end
            case ':nospace'
            case ':command *'
                set -l at (math (string replace ':command ' '' -- $line) + 2)
                complete -C "$words[$at..-1]"
            case '*'
                echo $line
        end
    end
end

complete -c memsan -f -a '(__memsan_words)'
