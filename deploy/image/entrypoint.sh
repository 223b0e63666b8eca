#!/bin/sh
# As registry:2 does: a configuration file is served, a word of the registry's is given to it, and the rest is run. `serve`
# alone, which distribution refuses, serves the file of the image.
set -e

[ "$*" != serve ] || set -- /etc/docker/registry/config.yml

case "$1" in
    *.yaml|*.yml) set -- registry serve "$@" ;;
    serve|garbage-collect|access|cert|config|issuer|help|-*) set -- registry "$@" ;;
esac

exec "$@"
