say web "needs $(grep -c . /srv/dependencies.lock) packages"
