# shellcheck shell=sh
# The names that Debian's packages mgetty and ppp own, and how they are shared with ours. dpkg-divert moves
# theirs aside, whenever it comes; update-alternatives makes the name a link to ours or to theirs.

ours=/usr/lib/ringback
# NAME PATH: the page of the manual goes with each.
names='mgetty /sbin/mgetty
callback /usr/sbin/callback
chat /usr/sbin/chat'

page() { echo "/usr/share/man/man8/$1.8.gz"; }
aside() { # PATH: where the other package's file goes
    case $1 in *.gz) echo "${1%.gz}.distrib.gz" ;; *) echo "$1.distrib" ;; esac
}

take() {
    dpkg-divert --quiet --package ringback --rename --divert "$(aside "$1")" --add "$1"
}

give_back() {
    dpkg-divert --quiet --package ringback --rename --divert "$(aside "$1")" --remove "$1"
}

# each_name FUNCTION: calls it with NAME PATH for each.
each_name() {
    echo "$names" | while read -r name path; do "$1" "$name" "$path"; done
}

# offer_theirs NAME PATH: the other package's program is an alternative as long as it is there.
offer_theirs() {
    if [ -e "$(aside "$2")" ]; then
        if [ -e "$(aside "$(page "$1")")" ]; then
            update-alternatives --quiet --install "$2" "$1" "$(aside "$2")" 10 \
                --slave "$(page "$1")" "$1.8.gz" "$(aside "$(page "$1")")"
        else
            update-alternatives --quiet --install "$2" "$1" "$(aside "$2")" 10
        fi
    elif update-alternatives --query "$1" 2>/dev/null | grep -qx "Alternative: $(aside "$2")"; then
        update-alternatives --quiet --remove "$1" "$(aside "$2")"
    fi
}

set_up() {
    take "$2"
    take "$(page "$1")"
    update-alternatives --quiet --install "$2" "$1" "$ours/$1" 50 --slave "$(page "$1")" "$1.8.gz" "$ours/$1.8.gz"
    offer_theirs "$1" "$2"
}

# rotate: mgetty's logs are rotated by Debian's mgetty where it is installed (logrotate takes each log once only),
# else by us; what the administrator made of our file stays.
rotate() {
    own=/etc/logrotate.d/ringback-mgetty
    sample=/usr/share/ringback/ringback-mgetty
    if [ -e /etc/logrotate.d/mgetty ]; then
        if [ -e $own ] && cmp -s $own $sample; then rm -f $own; fi
    elif [ ! -e $own ]; then
        cp $sample $own
    fi
}

tear_down() {
    update-alternatives --quiet --remove "$1" "$ours/$1" || true
    [ ! -e "$(aside "$2")" ] || update-alternatives --quiet --remove "$1" "$(aside "$2")" || true
    give_back "$2"
    give_back "$(page "$1")"
}
