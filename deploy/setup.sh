#!/bin/bash
# Makes what the services of docker-compose.yml need to trust each other, at the first start: a certificate
# authority, a certificate, passwords, and an administrator's token. What is there already is left alone; addresses
# and redis.conf, which are made of it, are written at each start.
#
# SECRETS is the folder of three volumes, BACKUP that of a fourth; CERTUTIL makes certificates.
set -euo pipefail
umask 077
SECRETS=${SECRETS:-/secrets}
BACKUP=${BACKUP:-/backup}
CERTUTIL=${CERTUTIL:-/usr/share/elasticsearch/bin/elasticsearch-certutil}
engine=$SECRETS/elasticsearch redis=$SECRETS/redis marquee=$SECRETS/marquee

random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

if [ ! -f "$engine/elasticsearch.crt" ]; then
  work=$(mktemp -d)
  "$CERTUTIL" ca --silent --pem --days 3650 --out "$work/ca.zip"
  unzip -q "$work/ca.zip" -d "$work"
  "$CERTUTIL" cert --silent --pem --days 3650 --ca-cert "$work/ca/ca.crt" --ca-key "$work/ca/ca.key" \
    --name elasticsearch --dns elasticsearch --dns localhost --ip 127.0.0.1 --out "$work/cert.zip"
  unzip -q "$work/cert.zip" -d "$work"
  # The authority's key is thrown away: who wants another certificate deletes the volume, and starts anew.
  mv "$work/ca/ca.crt" "$work/elasticsearch/elasticsearch.key" "$engine/"
  mv "$work/elasticsearch/elasticsearch.crt" "$engine/"
  rm -r "$work"
fi
[ -f "$engine/password" ] || random >"$engine/password"
[ -f "$redis/password" ] || random >"$redis/password"
cat >"$redis/redis.conf" <<END
requirepass $(cat "$redis/password")
maxmemory 256mb
maxmemory-policy allkeys-lru
save ""
appendonly no
END
if [ ! -f "$marquee/tokens" ]; then
  [ -f "$marquee/admin_token" ] || random >"$marquee/admin_token"
  hash=$(tr -d '\n' <"$marquee/admin_token" | sha256sum | cut -d' ' -f1)
  echo "admin admin $hash" >"$marquee/tokens"
fi
cp "$engine/ca.crt" "$marquee/ca.crt"
echo "https://elastic:$(cat "$engine/password")@elasticsearch:9200" >"$marquee/elasticsearch_url"
echo "redis://:$(cat "$redis/password")@redis:6379/0" >"$marquee/redis_url"

chmod 0500 "$engine" "$redis" "$marquee"
chmod 0400 "$engine"/* "$redis"/* "$marquee"/*
# Whom the images run as.
chown -R "${ENGINE_OWNER:-1000:0}" "$engine"
chown "${ENGINE_OWNER:-1000:0}" "$BACKUP" # a volume for which the image has no folder begins as root's
chown -R "${REDIS_OWNER:-999:1000}" "$redis"
chown -R "${MARQUEE_OWNER:-10001:10001}" "$marquee"
