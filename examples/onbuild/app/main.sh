echo "$(cat greeting), from the app, as $(id -un)"
