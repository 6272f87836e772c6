say api "needs $(grep -c . /srv/dependencies.lock) packages"
