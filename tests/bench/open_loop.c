/* open_loop: HTTP clients that do not wait for each other: open_loop HOST PORT CONNECTIONS RATE
 * SECONDS REQUEST_FILE.
 *
 * RATE requests a second leave at random times (Poisson), each on a free one of CONNECTIONS
 * keep-alive connections, whatever became of the earlier ones. RATE 0: each connection sends its
 * next request when it has an answer. Times count from the sending; how late that was, because this
 * program had to wait for a processor, is told apart. The first tenth of the time is not counted.
 * One thread, epoll; one JSON object on standard output. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/histogram.h"
#include "tests/bench/request_file.h"

#define ANSWER_MAX 65536
#define EVENTS     256
#define SECOND_NS  1000000000LL

enum { SERVED, REFUSED, OTHER, LATE, KINDS };
static const char *const kind_names[KINDS] = {"served", "refused", "other", "late"};

struct connection {
    int fd;
    int64_t sent_ns; /* the request under way; 0: free */
    size_t got;
    struct connection *next; /* free ones */
    char answer[ANSWER_MAX + 1];
};

static struct {
    struct sockaddr_in address;
    char *request;
    size_t request_len;
    struct connection *all;
    struct connection *free;
    int epoll;
    bool closed_loop;
    int64_t counted_from_ns;
    struct histogram kinds[KINDS];
    uint64_t without_retry_after;
    uint64_t unsent; /* due while every connection was busy */
    uint64_t reconnected;
} load;

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "open_loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void reach(struct connection *connection)
{
    static const int one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&load.address, sizeof(load.address)) != 0) {
        fail("connect");
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void reach_again(struct connection *connection)
{
    (void)close(connection->fd);
    connection->got = 0;
    load.reconnected++;
    reach(connection);
}

static void send_request(struct connection *connection, int64_t due_ns)
{
    connection->sent_ns = now_ns();
    if (due_ns >= load.counted_from_ns) {
        histogram_add(&load.kinds[LATE], connection->sent_ns - due_ns);
    }
    connection->got = 0;
    ssize_t sent = send(connection->fd, load.request, load.request_len, MSG_NOSIGNAL);
    if (sent != (ssize_t)load.request_len) {
        reach_again(connection);
        (void)!send(connection->fd, load.request, load.request_len, MSG_NOSIGNAL);
    }
}

static void set_free(struct connection *connection)
{
    connection->sent_ns = 0;
    if (load.closed_loop) {
        send_request(connection, now_ns());
        return;
    }
    connection->next = load.free;
    load.free = connection;
}

static void note(const struct connection *connection, int64_t now)
{
    if (connection->sent_ns < load.counted_from_ns) {
        return;
    }
    int status = atoi(connection->answer + strlen("HTTP/1.1 "));
    int kind = status == 200 ? SERVED : status == 503 ? REFUSED : OTHER;
    histogram_add(&load.kinds[kind], now - connection->sent_ns);
    if (kind == REFUSED && strcasestr(connection->answer, "\r\nretry-after: ") == NULL) {
        load.without_retry_after++;
    }
}

/* True when the answer is whole. */
static bool is_whole(struct connection *connection)
{
    connection->answer[connection->got] = '\0';
    const char *end = strstr(connection->answer, "\r\n\r\n");
    const char *field = strcasestr(connection->answer, "\r\ncontent-length: ");
    if (end == NULL || field == NULL || field > end) {
        return false;
    }
    size_t body = strtoul(field + strlen("\r\ncontent-length: "), NULL, 10);
    return connection->got >= (size_t)(end - connection->answer) + 4 + body;
}

static void receive(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->answer + connection->got,
                       ANSWER_MAX - connection->got, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) { /* closed: what was under way counts as `other` */
        bool busy = connection->sent_ns != 0;
        if (busy) {
            (void)strcpy(connection->answer, "HTTP/1.1 000");
            note(connection, now_ns());
        }
        reach_again(connection);
        if (busy) {
            set_free(connection);
        }
        return;
    }
    connection->got += (size_t)got;
    if (is_whole(connection)) {
        note(connection, now_ns());
        set_free(connection);
    }
}

/* Exponential, in nanoseconds. */
static int64_t pause_of(double rate)
{
    return (int64_t)(-log(1.0 - drand48()) / rate * 1e9);
}

static void send_due(double rate, int64_t *due_ns, int64_t now)
{
    for (; *due_ns <= now; *due_ns += pause_of(rate)) {
        struct connection *connection = load.free;
        if (connection == NULL) {
            load.unsent += *due_ns >= load.counted_from_ns ? 1 : 0;
            continue;
        }
        load.free = connection->next;
        send_request(connection, *due_ns);
    }
}

static void run(double rate, int64_t end_ns)
{
    struct epoll_event events[EVENTS];
    int64_t due_ns = now_ns();
    for (int64_t now = now_ns(); now < end_ns; now = now_ns()) {
        if (rate > 0) {
            send_due(rate, &due_ns, now);
        }
        int64_t until = rate > 0 && due_ns < end_ns ? due_ns : end_ns;
        int64_t left = until > now ? until - now : 0;
        struct timespec wait = {.tv_sec = left / SECOND_NS, .tv_nsec = left % SECOND_NS};
        int count = epoll_pwait2(load.epoll, events, EVENTS, &wait, NULL);
        for (int i = 0; i < count; i++) {
            receive(events[i].data.ptr);
        }
    }
}

static void print(double seconds)
{
    (void)printf("{\"seconds\": %.3f, \"unsent\": %llu, \"reconnected\": %llu, "
                 "\"without_retry_after\": %llu",
                 seconds, (unsigned long long)load.unsent, (unsigned long long)load.reconnected,
                 (unsigned long long)load.without_retry_after);
    for (int i = 0; i < KINDS; i++) {
        (void)printf(", \"%s\": {", kind_names[i]);
        histogram_print(&load.kinds[i]);
        (void)printf("}");
    }
    (void)printf("}\n");
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "open_loop HOST PORT CONNECTIONS RATE SECONDS REQUEST_FILE\n");
        return 2;
    }
    size_t connections = strtoul(argv[3], NULL, 10);
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    load.address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(argv[2])),
                                        .sin_addr.s_addr = inet_addr(argv[1])};
    load.request = request_file(argv[6], &load.request_len);
    if (load.request_len == 0) {
        fail(argv[6]);
    }
    load.epoll = epoll_create1(0);
    load.closed_loop = rate == 0;
    load.all = calloc(connections, sizeof(*load.all));
    for (size_t i = 0; i < connections; i++) {
        reach(&load.all[i]);
    }
    int64_t start_ns = now_ns();
    load.counted_from_ns = start_ns + (int64_t)(seconds * 1e8);
    for (size_t i = 0; i < connections; i++) {
        set_free(&load.all[i]);
    }
    run(rate, start_ns + (int64_t)(seconds * 1e9));
    print(seconds * 0.9);
    return 0;
}
