/* closed_loop: HTTP clients that send their next request when they have an answer:
 * closed_loop HOST PORT CONNECTIONS REQUEST_FILE CA_FILE|- [PID...].
 *
 * The connections are made at once, with TLS 1.3 when there is a CA file, and are kept. Each line
 * `WARM_UP_SECONDS SECONDS` on standard input is one round, whose figures come back as one JSON
 * object on a line (a warm-up has one answer for each connection at least): answers with 200 and
 * their times, refused ones (503), all others, and the CPU that each PID and this program used
 * meanwhile. One thread, epoll, one request made beforehand: what it costs is taken from the two
 * processors that the gateway has as well. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/histogram.h"
#include "tests/bench/request_file.h"

#define ANSWER_MAX (256 * 1024)
#define EVENTS     256
#define PIDS_MAX   16
#define PATIENCE_S 30
#define SECOND_NS  1000000000LL

struct connection {
    int fd;
    SSL *tls; /* NULL: plain HTTP */
    int64_t sent_ns;
    size_t got;
    size_t whole; /* length of the answer, 0: not known yet */
    size_t body_len;
    char *answer; /* ANSWER_MAX */
};

/* What a round counts. */
struct tally {
    struct histogram served;
    uint64_t refused;
    uint64_t other;
    uint64_t reconnected;
    uint64_t bytes;
};

static struct {
    struct sockaddr_in address;
    SSL_CTX *tls;
    char *request;
    size_t request_len;
    struct connection *all;
    size_t count;
    int epoll;
    pid_t pids[PIDS_MAX];
    size_t pid_count;
    size_t under_way;
    bool ending; /* answers are awaited, nothing more is sent */
    struct tally tally;
} load;

static void fail(const char *what)
{
    (void)fprintf(stderr, "closed_loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* CPU of a process, of all its threads, those that have ended too; 0 when it is gone. */
static int64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
}

static void shake_hands(struct connection *connection)
{
    connection->tls = SSL_new(load.tls);
    if (SSL_set_fd(connection->tls, connection->fd) != 1 || SSL_connect(connection->tls) != 1) {
        fail("TLS handshake");
    }
    (void)fcntl(connection->fd, F_SETFL, O_NONBLOCK);
}

static void reach(struct connection *connection)
{
    static const int one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection->fd, (struct sockaddr *)&load.address, sizeof(load.address)) != 0) {
        fail("connect");
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (load.tls != NULL) {
        shake_hands(connection);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void reach_again(struct connection *connection)
{
    SSL_free(connection->tls);
    connection->tls = NULL;
    (void)close(connection->fd);
    load.tally.reconnected++;
    reach(connection);
}

static bool write_request(struct connection *connection)
{
    if (connection->tls != NULL) {
        return SSL_write(connection->tls, load.request, (int)load.request_len) > 0;
    }
    size_t sent = 0;
    while (sent < load.request_len) {
        ssize_t more =
            send(connection->fd, load.request + sent, load.request_len - sent, MSG_NOSIGNAL);
        if (more < 0) {
            return false;
        }
        sent += (size_t)more;
    }
    return true;
}

static void send_request(struct connection *connection, int64_t now)
{
    connection->got = 0;
    connection->whole = 0;
    connection->sent_ns = now;
    if (!write_request(connection)) {
        reach_again(connection);
        if (!write_request(connection)) {
            fail("send");
        }
    }
}

/* What was asked on this connection is answered, or lost. */
static void go_on(struct connection *connection, int64_t now)
{
    if (load.ending) {
        connection->sent_ns = 0;
        load.under_way--;
    } else {
        send_request(connection, now);
    }
}

static void note_other(const struct connection *connection)
{
    if (load.tally.other++ == 0) {
        (void)fprintf(stderr, "closed_loop: not 200: %.*s\n",
                      (int)(connection->got < 2000 ? connection->got : 2000), connection->answer);
    }
}

static void note(const struct connection *connection, int64_t now)
{
    const char *status = connection->answer + strlen("HTTP/1.1 ");
    if (load.ending) {
        return;
    }
    load.tally.bytes += connection->whole;
    if (strncmp(status, "200", 3) == 0 && connection->body_len > 0) {
        histogram_add(&load.tally.served, now - connection->sent_ns);
    } else if (strncmp(status, "503", 3) == 0) {
        load.tally.refused++;
    } else {
        note_other(connection);
    }
}

static size_t content_length(const char *head, size_t len)
{
    static const char name[] = "\r\ncontent-length: ";
    for (const char *at = head; (at = memchr(at, '\r', len - (size_t)(at - head))) != NULL; at++) {
        if (strncasecmp(at, name, strlen(name)) == 0) {
            return strtoul(at + strlen(name), NULL, 10);
        }
    }
    return 0;
}

static bool is_whole(struct connection *connection)
{
    if (connection->whole == 0) {
        const char *end = memmem(connection->answer, connection->got, "\r\n\r\n", 4);
        if (end == NULL) {
            return false;
        }
        size_t head_len = (size_t)(end - connection->answer) + 2;
        connection->body_len = content_length(connection->answer, head_len);
        connection->whole = head_len + 2 + connection->body_len;
    }
    return connection->got >= connection->whole;
}

/* Bytes read; 0 when there are none now, -1 at the end. */
static ssize_t read_some(struct connection *connection)
{
    char *to = connection->answer + connection->got;
    size_t room = ANSWER_MAX - 1 - connection->got;
    if (room == 0) {
        errno = EMSGSIZE;
        fail("an answer");
    }
    if (connection->tls == NULL) {
        ssize_t got = recv(connection->fd, to, room, MSG_DONTWAIT);
        return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
    }
    int got = SSL_read(connection->tls, to, (int)room);
    return got > 0 ? got : SSL_get_error(connection->tls, got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void lost(struct connection *connection)
{
    reach_again(connection);
    if (connection->sent_ns != 0) {
        load.tally.other += load.ending ? 0 : 1;
        go_on(connection, clock_ns(CLOCK_MONOTONIC));
    }
}

static void receive(struct connection *connection)
{
    do {
        ssize_t got = read_some(connection);
        if (got < 0) {
            lost(connection);
            return;
        }
        if (got == 0) {
            return;
        }
        connection->got += (size_t)got;
        connection->answer[connection->got] = '\0';
        if (is_whole(connection)) {
            int64_t now = clock_ns(CLOCK_MONOTONIC);
            note(connection, now);
            go_on(connection, now);
            return;
        }
    } while (connection->tls != NULL && SSL_pending(connection->tls) > 0);
}

/* Until the time has come and so many answers with 200, at most half a minute later. */
static void pump(int64_t until_ns, uint64_t at_least)
{
    struct epoll_event events[EVENTS];
    for (int64_t now = clock_ns(CLOCK_MONOTONIC);
         now < until_ns ||
         (load.tally.served.count < at_least && now < until_ns + PATIENCE_S * SECOND_NS);
         now = clock_ns(CLOCK_MONOTONIC)) {
        int64_t left = until_ns > now ? until_ns - now : SECOND_NS / 100;
        struct timespec wait = {.tv_sec = left / SECOND_NS, .tv_nsec = left % SECOND_NS};
        int count = epoll_pwait2(load.epoll, events, EVENTS, &wait, NULL);
        for (int i = 0; i < count; i++) {
            receive(events[i].data.ptr);
        }
    }
}

/* Awaits the answers that are under way. */
static void drain(void)
{
    struct epoll_event events[EVENTS];
    load.ending = true;
    while (load.under_way > 0) {
        int count = epoll_wait(load.epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            receive(events[i].data.ptr);
        }
    }
}

static void read_cpu(int64_t *out)
{
    for (size_t i = 0; i < load.pid_count; i++) {
        out[i] = cpu_ns(load.pids[i]);
    }
    out[load.pid_count] = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void print(double seconds, const int64_t *before, const int64_t *after)
{
    const struct tally *tally = &load.tally;
    (void)printf("{\"seconds\": %.4f, ", seconds);
    histogram_print(&tally->served);
    (void)printf(", \"refused\": %llu, \"other\": %llu, \"reconnected\": %llu, \"bytes\": %llu, "
                 "\"cpu_us\": [",
                 (unsigned long long)tally->refused, (unsigned long long)tally->other,
                 (unsigned long long)tally->reconnected, (unsigned long long)tally->bytes);
    for (size_t i = 0; i < load.pid_count; i++) {
        (void)printf("%s%.1f", i > 0 ? ", " : "", (double)(after[i] - before[i]) / 1e3);
    }
    (void)printf("], \"own_cpu_us\": %.1f}\n",
                 (double)(after[load.pid_count] - before[load.pid_count]) / 1e3);
    (void)fflush(stdout);
}

static void run(double warm_up, double seconds)
{
    int64_t before[PIDS_MAX + 1], after[PIDS_MAX + 1];
    load.ending = false;
    load.under_way = load.count;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < load.count; i++) {
        send_request(&load.all[i], now);
    }
    pump(now + (int64_t)(warm_up * 1e9), load.count);
    memset(&load.tally, 0, sizeof(load.tally));
    read_cpu(before);
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    pump(start + (int64_t)(seconds * 1e9), 1);
    int64_t took = clock_ns(CLOCK_MONOTONIC) - start;
    read_cpu(after);
    drain();
    print((double)took / 1e9, before, after);
}

static void use_tls(const char *ca_file)
{
    load.tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(load.tls, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(load.tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_locations(load.tls, ca_file, NULL) != 1) {
        fail(ca_file);
    }
}

static void connect_all(size_t count)
{
    load.count = count;
    load.all = calloc(count, sizeof(*load.all));
    for (size_t i = 0; i < count; i++) {
        load.all[i].answer = malloc(ANSWER_MAX);
        reach(&load.all[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 6 + PIDS_MAX) {
        (void)fprintf(stderr,
                      "closed_loop HOST PORT CONNECTIONS REQUEST_FILE CA_FILE|- [PID...]\n");
        return 2;
    }
    load.address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(argv[2])),
                                        .sin_addr.s_addr = inet_addr(argv[1])};
    load.request = request_file(argv[4], &load.request_len);
    if (load.request_len == 0) {
        fail(argv[4]);
    }
    (void)signal(SIGPIPE, SIG_IGN); /* of a connection that the server has closed */
    if (strcmp(argv[5], "-") != 0) {
        use_tls(argv[5]);
    }
    for (int i = 6; i < argc; i++) {
        load.pids[load.pid_count++] = atoi(argv[i]);
    }
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    connect_all(strtoul(argv[3], NULL, 10));
    double warm_up, seconds;
    while (scanf("%lf %lf", &warm_up, &seconds) == 2) {
        run(warm_up, seconds);
    }
    return 0;
}
