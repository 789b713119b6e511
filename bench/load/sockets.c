/*
 * A load client for chat servers: many WebSocket connections on one thread and one epoll.
 *
 * It is written in C, and reads frames by searching for fixed markers instead of parsing JSON, so
 * that the server is what is measured. It reports its own share of a core for the reader to check.
 *
 * Usage: sockets PORT PATH PROTOCOL MODE CONNECTIONS WARMUP_S MEASURE_S RATE < FILE
 *
 *   PROTOCOL  events    frames of docs/realtime.md; a connection is open once `hello` came
 *             socketio  the same events inside Socket.IO packets over Engine.IO 4
 *   MODE      rooms     closed loop: each connection keeps one message in flight
 *             pairs     closed loop: connections 2k and 2k+1 answer each other, one message in flight
 *             hall      closed loop: the first ten connections keep one message in flight, all of them read
 *             rate      open loop: RATE messages/s in all, whatever the server does
 *             idle      only hold the connections, for WARMUP_S and MEASURE_S
 *   FILE      one line per connection: ACCESS_TOKEN CHAT_ID
 *
 * Prints READY when all connections are open, MEASURE when the warm-up is over, and one line of
 * JSON at the end. Any refusal, closed connection or silence ends it with a message and status 1.
 *
 * A message's `ref` is NANOSECONDS.CONNECTION: the moment it was sent, or was due in `rate`, so that
 * a late client cannot hide a slow server, and who sent it. It is ordered by time, like a UUID of
 * version 7. Every receiver reads the latency from it. The sender's own entry is its acknowledgement.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN_MAX = 2048, CHAT_MAX = 64, INPUT_MAX = 8 << 20, EVENTS_MAX = 512 };
enum { SPEAKERS = 10 };
enum { OPCODE_TEXT = 1, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };
enum mode { ROOMS, PAIRS, HALL, RATE, IDLE };

static const uint64_t SECOND = 1000000000ull;
static const char TEXT[] = "The quick brown fox jumps over the lazy dog; see you at seven, all right?";

struct connection {
    int fd;
    bool open;
    char *rest; /* the beginning of a frame that has not arrived whole */
    size_t rest_length;
    char *token;
    char chat[CHAT_MAX];
};

static struct connection *connections;
static int count;
static enum mode mode;
static bool socketio;
static char input[INPUT_MAX + 16];
static uint64_t received_at;

static bool measuring;
static uint64_t acknowledged, delivered;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Latencies: microseconds in a histogram of 32 steps per power of two, so within about 3 %. */

enum { STEPS = 32, BUCKETS = 64 * STEPS };

struct histogram {
    uint64_t buckets[BUCKETS];
    uint64_t total;
};

static struct histogram acks, deliveries;

static void record(struct histogram *histogram, uint64_t microseconds)
{
    size_t bucket = microseconds;
    if (microseconds >= 2 * STEPS) {
        int power = 63 - __builtin_clzll(microseconds);
        bucket = (size_t)(power - 4) * STEPS + ((microseconds >> (power - 5)) & (STEPS - 1));
    }
    histogram->buckets[bucket]++;
    histogram->total++;
}

static double bucket_milliseconds(size_t bucket)
{
    if (bucket < 2 * STEPS)
        return (double)bucket / 1e3;
    size_t power = bucket / STEPS + 4, step = bucket % STEPS;
    return (double)((1ull << power) + ((uint64_t)step << (power - 5))) / 1e3;
}

static double percentile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->total * share), passed = 0;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        passed += histogram->buckets[bucket];
        if (passed > wanted)
            return bucket_milliseconds(bucket);
    }
    return 0;
}

/* Writing. Frames are small and servers always read, so a blocking write does not stall the load. */

static void write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = send(fd, bytes, length, MSG_NOSIGNAL);
        if (written < 0)
            fail("send: %s", strerror(errno));
        bytes += written;
        length -= (size_t)written;
    }
}

static void write_frame(int fd, int opcode, const char *payload, size_t length)
{
    /* A client has to mask (RFC 6455, 5.3); the key 0 does so without touching a byte. */
    char frame[1024];
    size_t header = 2;
    frame[0] = (char)(0x80 | opcode);
    if (length < 126) {
        frame[1] = (char)(0x80 | length);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        header = 4;
    }
    memset(frame + header, 0, 4);
    header += 4;
    if (header + length > sizeof frame)
        fail("a frame of %zu bytes is more than this client sends", length);
    memcpy(frame + header, payload, length);
    write_all(fd, frame, header + length);
}

static void send_message(int sender, uint64_t due)
{
    char event[512];
    int length = snprintf(event, sizeof event,
        "%s{\"type\":\"send\",\"chat_id\":\"%s\",\"ref\":\"%llu.%d\",\"text\":\"%s\"}%s",
        socketio ? "42[\"send\"," : "", connections[sender].chat,
        (unsigned long long)due, sender, TEXT, socketio ? "]" : "");
    write_frame(connections[sender].fd, OPCODE_TEXT, event, (size_t)length);
}

/* Reading. */

static void on_message(int receiver, const char *ref)
{
    char *end;
    uint64_t due = strtoull(ref, &end, 10);
    int sender = (int)strtol(end + 1, NULL, 10);
    uint64_t microseconds = received_at > due ? (received_at - due) / 1000 : 0;
    delivered++;
    if (sender == receiver) {
        acknowledged++;
        if (measuring)
            record(&acks, microseconds);
        if (mode == ROOMS || mode == HALL)
            send_message(receiver, now());
    } else {
        if (measuring)
            record(&deliveries, microseconds);
        if (mode == PAIRS)
            send_message(receiver, now());
    }
}

static const char *find(const char *bytes, const char *end, const char *marker)
{
    return memmem(bytes, (size_t)(end - bytes), marker, strlen(marker));
}

/* Every server under test writes `type` as the first field of an event. Of an array of events only
 * the entries count; an event of another type (presence, read, typing) is passed over. */
static void on_events(int receiver, const char *bytes, const char *end)
{
    static const char type[] = "\"type\":\"", ref[] = "\"ref\":\"";
    while ((bytes = find(bytes, end, type)) != NULL) {
        bytes += sizeof type - 1;
        if (strncmp(bytes, "hello", 5) == 0)
            connections[receiver].open = true;
        if (strncmp(bytes, "refused", 7) == 0)
            fail("refused: %.*s", (int)(end - bytes), bytes);
        if (strncmp(bytes, "entry", 5) != 0)
            continue;
        bytes = find(bytes, end, ref);
        if (bytes == NULL)
            return;
        bytes += sizeof ref - 1;
        on_message(receiver, bytes);
    }
}

/* Engine.IO 4: '0' opens, '2' pings, '4' carries Socket.IO: "40" connects, "42" is an event. */
static void on_engineio(int receiver, const char *packet, const char *end)
{
    struct connection *connection = &connections[receiver];
    if (packet[0] == '0')
        write_frame(connection->fd, OPCODE_TEXT, "40", 2);
    else if (packet[0] == '2')
        write_frame(connection->fd, OPCODE_TEXT, "3", 1);
    else if (packet[0] == '4' && packet[1] == '0')
        connection->open = true;
    else if (packet[0] == '4' && packet[1] == '2')
        on_events(receiver, packet, end);
    else
        fail("Socket.IO refused: %.*s", (int)(end - packet), packet);
}

static void on_frame(int receiver, int opcode, const char *payload, size_t length)
{
    if (opcode == OPCODE_PING)
        write_frame(connections[receiver].fd, OPCODE_PONG, payload, length);
    else if (opcode == OPCODE_CLOSE)
        fail("connection %d: the server closed it with code %d", receiver,
            length < 2 ? 1005 : ((unsigned char)payload[0] << 8 | (unsigned char)payload[1]));
    else if (opcode == OPCODE_TEXT && socketio)
        on_engineio(receiver, payload, payload + length);
    else if (opcode == OPCODE_TEXT)
        on_events(receiver, payload, payload + length);
}

/* Length of the frame's header, or 0 while it has not arrived; its payload's length in *payload. */
static size_t frame_header(const unsigned char *bytes, size_t length, size_t *payload)
{
    if (length < 2)
        return 0;
    size_t extra = bytes[1] == 127 ? 8 : bytes[1] == 126 ? 2 : 0;
    if (length < 2 + extra)
        return 0;
    *payload = extra ? 0 : bytes[1];
    for (size_t i = 0; i < extra; i++)
        *payload = *payload << 8 | bytes[2 + i];
    if (*payload > INPUT_MAX / 2)
        fail("a frame of %zu bytes is more than this client reads", *payload);
    return 2 + extra;
}

static void keep_rest(struct connection *connection, const char *bytes, size_t length)
{
    free(connection->rest);
    connection->rest = NULL;
    connection->rest_length = length;
    if (length > 0) {
        connection->rest = malloc(length);
        memcpy(connection->rest, bytes, length);
    }
}

static void read_frames(int receiver, size_t length)
{
    size_t at = 0, payload = 0, header;
    while ((header = frame_header((unsigned char *)input + at, length - at, &payload)) != 0
        && length - at >= header + payload) {
        on_frame(receiver, input[at] & 15, input + at + header, payload);
        at += header + payload;
    }
    keep_rest(&connections[receiver], input + at, length - at);
}

static void receive(int receiver, int flags)
{
    struct connection *connection = &connections[receiver];
    if (connection->rest_length > 0)
        memcpy(input, connection->rest, connection->rest_length);
    ssize_t length = recv(connection->fd, input + connection->rest_length,
        INPUT_MAX - connection->rest_length, flags);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0)
        fail("connection %d was lost", receiver);
    received_at = now();
    read_frames(receiver, connection->rest_length + (size_t)length);
}

/* Opening. One connection after the other, blocking: this is before the measurement. */

static int dial(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static void upgrade(struct connection *connection, int port, const char *path)
{
    char request[TOKEN_MAX + 512];
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Authorization: Bearer %s\r\n\r\n", path, port, connection->token);
    write_all(connection->fd, request, (size_t)length);

    size_t have = 0;
    const char *body;
    do {
        ssize_t got = recv(connection->fd, input + have, INPUT_MAX - have, 0);
        if (got <= 0)
            fail("the upgrade was not answered");
        have += (size_t)got;
    } while ((body = find(input, input + have, "\r\n\r\n")) == NULL);
    if (strncmp(input, "HTTP/1.1 101", 12) != 0)
        fail("the upgrade was refused: %.*s", (int)have, input);
    body += 4;
    keep_rest(connection, body, (size_t)(input + have - body));
}

static void open_connection(int index, int port, const char *path)
{
    struct connection *connection = &connections[index];
    connection->fd = dial(port);
    upgrade(connection, port, path);
    if (connection->rest_length > 0) {
        size_t length = connection->rest_length;
        memcpy(input, connection->rest, length);
        read_frames(index, length);
    }
    while (!connection->open)
        receive(index, 0);
}

static void read_accounts(void)
{
    static char token[TOKEN_MAX];
    for (int i = 0; i < count; i++) {
        if (scanf("%2047s %63s", token, connections[i].chat) != 2)
            fail("standard input has fewer than %d lines of ACCESS_TOKEN CHAT_ID", count);
        connections[i].token = strdup(token);
    }
}

/* How many had something to say. */
static int receive_ready(int epoll, const struct timespec *timeout)
{
    static struct epoll_event events[EVENTS_MAX];
    int ready = epoll_pwait2(epoll, events, EVENTS_MAX, timeout, NULL);
    for (int i = 0; i < ready; i++)
        receive((int)events[i].data.u32, MSG_DONTWAIT);
    return ready;
}

static int open_all(int port, const char *path)
{
    static const struct timespec at_once = { 0, 0 };
    int epoll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        /* Opening many takes long, and whoever is open already has to answer pings meanwhile. */
        if (i % 100 == 99)
            while (receive_ready(epoll, &at_once) == EVENTS_MAX)
                ;
        open_connection(i, port, path);
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    return epoll;
}

/* The run. */

static void start_closed_loop(void)
{
    int step = mode == PAIRS ? 2 : 1;
    int end = mode == HALL && count > SPEAKERS ? SPEAKERS : count;
    if (mode == ROOMS || mode == PAIRS || mode == HALL)
        for (int i = 0; i < end; i += step)
            send_message(i, now());
}

struct schedule {
    uint64_t next, gap;
    int sender;
};

static void send_due(struct schedule *schedule)
{
    /* 7 has no common factor with usual counts, so that consecutive messages fall into different rooms. */
    while (schedule->next <= now()) {
        send_message(schedule->sender, schedule->next);
        schedule->sender = (schedule->sender + 7) % count;
        schedule->next += schedule->gap;
    }
}

static void run_until(int epoll, uint64_t end, struct schedule *schedule)
{
    uint64_t time;
    while ((time = now()) < end) {
        uint64_t wait = 10 * SECOND / 1000;
        if (mode == RATE) {
            send_due(schedule);
            time = now();
            wait = schedule->next > time ? schedule->next - time : 0;
        }
        struct timespec timeout = { .tv_sec = 0, .tv_nsec = (long)wait };
        receive_ready(epoll, &timeout);
    }
}

static void report(double seconds, double cpu)
{
    if (mode != IDLE && acks.total == 0)
        fail("no message was acknowledged");
    printf("{\"messages_per_s\": %.1f, \"deliveries_per_s\": %.1f, \"ack_p50_ms\": %.3f, \"ack_p95_ms\": %.3f, "
           "\"ack_p99_ms\": %.3f, \"delivery_p95_ms\": %.3f, \"load_cpu\": %.3f}\n",
        (double)acknowledged / seconds, (double)delivered / seconds, percentile(&acks, 0.50),
        percentile(&acks, 0.95), percentile(&acks, 0.99), percentile(&deliveries, 0.95), cpu / seconds);
}

static enum mode mode_named(const char *name)
{
    static const char *names[] = { "rooms", "pairs", "hall", "rate", "idle" };
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum mode)i;
    fail("unknown mode %s", name);
    return IDLE;
}

int main(int argc, char **argv)
{
    if (argc != 9)
        fail("usage: sockets PORT PATH PROTOCOL MODE CONNECTIONS WARMUP_S MEASURE_S RATE < FILE");
    int port = atoi(argv[1]);
    socketio = strcmp(argv[3], "socketio") == 0;
    mode = mode_named(argv[4]);
    count = atoi(argv[5]);
    double warmup = atof(argv[6]), seconds = atof(argv[7]), rate = atof(argv[8]);

    setvbuf(stdout, NULL, _IOLBF, 0);
    connections = calloc((size_t)count, sizeof *connections);
    read_accounts();
    int epoll = open_all(port, argv[2]);
    puts("READY");

    uint64_t start = now();
    struct schedule schedule = { .next = start, .gap = rate > 0 ? (uint64_t)(1e9 / rate) : SECOND };
    start_closed_loop();
    run_until(epoll, start + (uint64_t)(warmup * 1e9), &schedule);

    puts("MEASURE");
    measuring = true;
    acknowledged = delivered = 0;
    double cpu = cpu_seconds();
    start = now();
    run_until(epoll, start + (uint64_t)(seconds * 1e9), &schedule);
    report((double)(now() - start) / 1e9, cpu_seconds() - cpu);
    return 0;
}
