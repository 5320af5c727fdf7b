# Read by every interactive bash.
PS1='\[\e[1;32m\]\h\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
HISTSIZE=5000 HISTFILESIZE=5000
shopt -s histappend checkwinsize cmdhist
alias ls='ls --color=auto' ll='ls -l' la='ls -la'
. /etc/lab/prompt-hooks
