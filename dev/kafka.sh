# A real Kafka broker: the jars of dev/kafka/pom.xml, run by plain java. Sourced after lib.sh.
# shellcheck shell=bash

KAFKA=$DEV/kafka
KAFKA_LOG=$KAFKA/log
KAFKA_CONF=$KAFKA/server.properties
KAFKA_PORT_FILE=$KAFKA/port

kafka_java() {
  java -cp "$KAFKA/libs/*" -Dlog4j2.configurationFile="$ROOT/dev/kafka/log4j2.xml" "$@"
}

# Downloads the jars once for each content of pom.xml. The folder appears whole or not at all.
kafka_jars() {
  local pom=$ROOT/dev/kafka/pom.xml
  if cmp -s "$pom" "$KAFKA/libs/pom.xml"; then return 0; fi
  say "kafka: fetching the broker's jars"
  rm -rf "$KAFKA/libs" "$KAFKA/libs.new"
  mvn -q -B -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$KAFKA/libs.new" </dev/null >"$KAFKA/mvn.log" 2>&1 ||
    die_with_log "Maven could not fetch the broker's jars" "$KAFKA/mvn.log"
  cp "$pom" "$KAFKA/libs.new/pom.xml"
  mv "$KAFKA/libs.new" "$KAFKA/libs"
}

# The broker's process id; fails when the pid file is missing or names a process that is not ours.
kafka_pid() {
  local pid
  pid=$(cat "$KAFKA/pid" 2>/dev/null) &&
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$KAFKA_CONF" && echo "$pid"
} 2>/dev/null

# Asks for metadata in Kafka's protocol and expects one broker in the answer: what the console tools
# would do, without the two seconds that a JVM takes.
kafka_answers() {
  local port answer
  port=$(cat "$KAFKA_PORT_FILE") || return 1
  # length 14 | api 3 (metadata) | version 1 | correlation 1 | no client id | array of no topics
  answer=$(
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
    printf '\0\0\0\016\0\003\0\001\0\0\0\001\377\377\0\0\0\0' >&3
    # length (4 bytes) | correlation | number of brokers
    timeout 5 head -c 12 <&3 | od -An -v -tu1 -j4 | tr -d ' \n'
  ) || return 1
  [ "$answer" = 00010001 ]
} 2>/dev/null

kafka_running() {
  kafka_pid >/dev/null && kafka_answers
}

kafka_format() {
  local id
  # 16 random bytes in Kafka's own spelling; without - and _, which it refuses at the front.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=')
  kafka_java -Dtopup.log.level=ERROR kafka.tools.StorageTool format -t "$id" -c "$KAFKA_CONF" >/dev/null
}

kafka_up() {
  local port controller_port
  mkdir -p "$KAFKA"
  if ! kafka_pid >/dev/null; then
    kafka_jars # not under a running broker
    port=$(pick_port "$KAFKA_PORT_FILE" 19092)
    controller_port=$(pick_port "$KAFKA/controller-port" 19093)
    sed -e "s|@PORT@|$port|" -e "s|@CONTROLLER_PORT@|$controller_port|" -e "s|@DATA@|$KAFKA/data|" \
      "$ROOT/dev/kafka/server.properties.in" >"$KAFKA_CONF"
    [ -e "$KAFKA/data/meta.properties" ] || kafka_format
    # A session of its own, so that Ctrl-C in the terminal stops the tests and not the broker first.
    (
      ulimit -n "$(ulimit -Hn)" || true
      exec setsid java -Xms256m -Xmx512m -cp "$KAFKA/libs/*" \
        -Dlog4j2.configurationFile="$ROOT/dev/kafka/log4j2.xml" kafka.Kafka "$KAFKA_CONF"
    ) </dev/null >"$KAFKA_LOG" 2>&1 9>&- &
    echo $! >"$KAFKA/pid"
  fi
  wait_ready kafka_pid kafka_answers || die_with_log "Kafka did not start" "$KAFKA_LOG"
}

kafka_down() {
  local pid until=$((SECONDS + 30))
  if pid=$(kafka_pid); then
    kill "$pid"
    while kafka_pid >/dev/null && [ $SECONDS -lt $until ]; do sleep 0.1; done
    if kafka_pid >/dev/null; then
      say "kafka: did not stop in 30 s, killing it"
      kill -9 "$pid"
    fi
  fi
  rm -f "$KAFKA/pid"
}

kafka_wipe() { rm -rf "$KAFKA"; }
