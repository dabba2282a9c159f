/* policy_load: asks a policy server as many smtpd do, and tells how fast it answers.
 *
 * SYNOPSIS  policy_load [OPTIONS] unix:PATH | inet:ADDRESS:PORT
 *           policy_load [OPTIONS] -- COMMAND [ARGUMENTS]
 * DESCRIPTION  N connections, on each at most one request outstanding. With a rate, requests have times of their own (request k at
 *   k/rate after the start) whether the server keeps up or not, and latency counts from that time: a server that stalls is charged for
 *   all that had to wait. Without a rate each connection asks again as soon as it was answered, and latency counts from the sending.
 *   Instead of an address, a command is started once for each connection with a socket as its standard input and output, as spawn(8)
 *   does.
 * OPTIONS
 *   --connections N      (100)
 *   --rate N             requests a second; 0 (default): as fast as they are answered
 *   --seconds N          how long (5; with --requests N: until so many were answered, if that is not later)
 *   --warm-up N          seconds before that are not counted (0)
 *   --triplets N         draws each request's triplet from 0..N-1 at random; 0 (default): a new one each time, numbered from --first N
 *   --in-turn            with --triplets: not at random but in turn
 *   --seed N --networks N --senders N --recipients N --sasl    see policy_request.h
 *   --timeout N          seconds without an answer after which a connection is given up as an error (30)
 * OUTPUT  one JSON object; microseconds are of answered requests: p50, p90, p99, p999, max, and late_p99: by how much the generator
 *   itself was late to send although a connection was free.
 * DIAGNOSTICS  ends with 1 when it can't connect at all, 2 on a wrong option. A connection that the server closes or on which it
 *   answers no `action=` is an error, counted, and opened anew. */
#include "tests/bench/load_histogram.h"
#include "tests/bench/policy_request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, ANSWER_MAX = 4096, KINDS = 16, KIND_MAX = 32 };
#define SECOND UINT64_C(1000000000)

typedef struct Connection {
    struct Connection *next_free;
    int fd;
    pid_t child;
    bool waiting;
    uint64_t from;   /* the time that its latency counts from */
    bool counted;    /* its request was due after the warm-up */
    size_t to_send, sent, received;
    char request[POLICY_REQUEST_MAX], answer[ANSWER_MAX];
} Connection;

typedef struct {
    char name[KIND_MAX];
    uint64_t count;
} Kind;

static struct {
    unsigned connections;
    double rate, seconds, warm_up, timeout;
    uint64_t requests, triplets, first;
    bool in_turn;
    PolicyPopulation population;
    char **command;
    struct sockaddr_storage address;
    socklen_t address_length;
} options = {.connections = 100, .seconds = -1, .timeout = 30};

static struct {
    int poll;
    Connection *all, *free;
    uint64_t start, counted_from, end;           /* nanoseconds of CLOCK_MONOTONIC */
    uint64_t free_since; /* when the last time that no connection was free ended */
    uint64_t issued, answered, errors, random;
    uint64_t first_counted, last_counted;        /* when the first counted request was due, and the last one answered */
    LoadHistogram latency, late;
    Kind kinds[KINDS];
} load;

static uint64_t
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "policy_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A child with one end of a socket pair as its standard input and output. */
static int
spawned(Connection *connection)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    connection->child = fork();
    if (connection->child == 0) {
        dup2(ends[1], 0);
        dup2(ends[1], 1);
        execvp(options.command[0], options.command);
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

static int
connected(void)
{
    int fd = socket(options.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd < 0)
        return -1;
    if (options.address.ss_family == AF_INET)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (struct sockaddr *)&options.address, options.address_length) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A failure to connect leaves fd -1; the next try is at the next request. */
static bool
open_connection(Connection *connection)
{
    connection->fd = options.command ? spawned(connection) : connected();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->waiting = false;
    return connection->fd >= 0 && epoll_ctl(load.poll, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

static void
close_connection(Connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    if (connection->child > 0) {
        kill(connection->child, SIGTERM);
        waitpid(connection->child, NULL, 0);
    }
    connection->child = 0;
}

static void
set_free(Connection *connection)
{
    if (!load.free)
        load.free_since = now();
    connection->waiting = false;
    connection->next_free = load.free;
    load.free = connection;
}

static void
failed(Connection *connection)
{
    bool was_waiting = connection->waiting;
    load.errors++;
    close_connection(connection);
    open_connection(connection);
    if (was_waiting)
        set_free(connection);
}

static void
send_rest(Connection *connection)
{
    while (connection->sent < connection->to_send) {
        ssize_t n = send(connection->fd, connection->request + connection->sent, connection->to_send - connection->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) {
            failed(connection);
            return;
        }
        if (n < 0) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
            epoll_ctl(load.poll, EPOLL_CTL_MOD, connection->fd, &event);
            return;
        }
        connection->sent += (size_t)n;
    }
}

static uint64_t
next_triplet(void)
{
    if (options.triplets == 0 || options.in_turn)
        return options.first + (options.triplets ? load.issued % options.triplets : load.issued);
    load.random ^= load.random << 13;
    load.random ^= load.random >> 7;
    load.random ^= load.random << 17;
    return options.first + load.random % options.triplets;
}

/* Sends the next request on a free connection; due is when it should have been sent. */
static void
ask(uint64_t due, uint64_t time)
{
    Connection *connection = load.free;
    load.free = connection->next_free;
    connection->waiting = true;
    connection->from = due;
    connection->counted = due >= load.counted_from;
    connection->sent = connection->received = 0;
    connection->to_send =
        policy_request_write(&options.population, next_triplet(), load.start / 1000 + load.issued, connection->request);
    load.issued++;
    if (connection->counted) {
        uint64_t possible = due > load.free_since ? due : load.free_since;
        load_histogram_add(&load.late, time > possible ? time - possible : 0);
        if (load.first_counted == 0)
            load.first_counted = due;
    }
    if (connection->fd < 0)
        failed(connection);
    else
        send_rest(connection);
}

/* Counts an answer by its action's first word (as much of it as a name holds); what finds no place is counted as the last. */
static void
count_kind(const char *action, size_t length)
{
    char name[KIND_MAX];
    size_t word = 0;
    while (word < length && word < sizeof name - 1 && action[word] != ' ' && action[word] != '\n')
        word++;
    memcpy(name, action, word);
    name[word] = '\0';
    int i = 0;
    while (i < KINDS - 1 && load.kinds[i].count > 0 && strcmp(load.kinds[i].name, name) != 0)
        i++;
    if (load.kinds[i].count++ == 0)
        memcpy(load.kinds[i].name, i < KINDS - 1 ? name : "(others)", i < KINDS - 1 ? sizeof name : sizeof "(others)");
}

static void
answered(Connection *connection, uint64_t time)
{
    static const char start[] = "action=";
    if (!connection->waiting || connection->received <= sizeof start + 1 || memcmp(connection->answer, start, sizeof start - 1) != 0) {
        failed(connection);
        return;
    }
    load.answered++;
    count_kind(connection->answer + sizeof start - 1, connection->received - sizeof start + 1);
    if (connection->counted) {
        load_histogram_add(&load.latency, time - connection->from);
        load.last_counted = time;
    }
    set_free(connection);
}

static void
receive(Connection *connection)
{
    ssize_t n = recv(connection->fd, connection->answer + connection->received, ANSWER_MAX - connection->received, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || (connection->received += (size_t)n) == ANSWER_MAX) {
        failed(connection);
        return;
    }
    const char *end = memmem(connection->answer, connection->received, "\n\n", 2);
    if (end && end + 2 == connection->answer + connection->received)
        answered(connection, now());
    else if (end) /* more than one answer */
        failed(connection);
}

static void
handle(const struct epoll_event *event)
{
    Connection *connection = event->data.ptr;
    if (event->events & EPOLLOUT) {
        struct epoll_event only = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(load.poll, EPOLL_CTL_MOD, connection->fd, &only);
        send_rest(connection);
    }
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(connection);
}

/* Connections that have waited too long; called about once a second. */
static void
give_up(uint64_t time)
{
    for (unsigned i = 0; i < options.connections; i++)
        if (load.all[i].waiting && time > load.all[i].from && time - load.all[i].from > (uint64_t)(options.timeout * (double)SECOND))
            failed(&load.all[i]);
}

static bool
more_to_ask(uint64_t due)
{
    return (options.requests == 0 || load.issued < options.requests) && due < load.end;
}

static bool
any_waiting(void)
{
    for (unsigned i = 0; i < options.connections; i++)
        if (load.all[i].waiting)
            return true;
    return false;
}

static uint64_t
due_time(uint64_t time)
{
    return options.rate > 0 ? load.start + (uint64_t)((double)load.issued * (double)SECOND / options.rate) : time;
}

static void
run(void)
{
    struct epoll_event events[EVENTS];
    uint64_t looked = load.start;
    for (;;) {
        uint64_t time = now(), due = due_time(time);
        while (load.free && due <= time && more_to_ask(due)) {
            ask(due, time);
            time = now();
            due = due_time(time);
        }
        bool more = more_to_ask(due);
        if (!more && !any_waiting())
            return;
        struct timespec wait = {.tv_nsec = 100 * 1000 * 1000};
        if (more && load.free)
            wait.tv_nsec = due <= time ? 0 : due - time < SECOND / 10 ? (long)(due - time) : wait.tv_nsec;
        int n = epoll_pwait2(load.poll, events, EVENTS, &wait, NULL);
        for (int i = 0; i < n; i++)
            handle(&events[i]);
        if (time - looked > SECOND) {
            give_up(time);
            looked = time;
        }
    }
}

static void
report(void)
{
    double seconds = load.last_counted > load.first_counted ? (double)(load.last_counted - load.first_counted) / (double)SECOND : 0;
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    printf("{\"connections\": %u, \"wanted_rate\": %.0f, \"rate\": %.1f, \"seconds\": %.3f, \"counted\": %" PRIu64
           ", \"answered\": %" PRIu64 ", \"errors\": %" PRIu64, options.connections, options.rate,
           seconds > 0 ? (double)load.latency.total / seconds : 0, seconds, load.latency.total, load.answered, load.errors);
    static const struct { const char *name; double share; } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        printf(", \"%s\": %.1f", quantiles[i].name, (double)load_histogram_quantile(&load.latency, quantiles[i].share) / 1000);
    printf(", \"max\": %.1f, \"late_p99\": %.1f, \"children_cpu\": %.3f, \"answers\": {", (double)load.latency.largest / 1000,
           (double)load_histogram_quantile(&load.late, 0.99) / 1000, (double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
           (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6);
    for (int i = 0; i < KINDS && load.kinds[i].count; i++) {
        printf("%s\"", i ? ", " : "");
        for (const char *p = load.kinds[i].name; *p; p++)
            putchar(*p >= ' ' && *p < 127 && *p != '"' && *p != '\\' ? *p : '?');
        printf("\": %" PRIu64, load.kinds[i].count);
    }
    puts("}}");
}

static bool
parse_address(const char *text)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&options.address;
    struct sockaddr_in *in = (struct sockaddr_in *)&options.address;
    char host[64];
    unsigned port;
    if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof un->sun_path) {
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, text + 5, strlen(text + 5));
        options.address_length = sizeof *un;
        return true;
    }
    if (sscanf(text, "inet:%63[0-9.]:%u", host, &port) != 2 || port > 65535 || inet_pton(AF_INET, host, &in->sin_addr) != 1)
        return false;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    options.address_length = sizeof *in;
    return true;
}

static _Noreturn void
usage(void)
{
    fputs("usage: policy_load [OPTIONS] unix:PATH | inet:ADDRESS:PORT | -- COMMAND [ARGUMENTS] (options: see the source)\n", stderr);
    exit(2);
}

static double
number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value >= 0 && value < 1e18))
        usage();
    return value;
}

static void
parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"connections", 1, NULL, 'c'}, {"rate", 1, NULL, 'r'}, {"seconds", 1, NULL, 's'}, {"requests", 1, NULL, 'n'},
        {"warm-up", 1, NULL, 'w'}, {"triplets", 1, NULL, 't'}, {"first", 1, NULL, 'f'}, {"in-turn", 0, NULL, 'i'},
        {"seed", 1, NULL, 'S'}, {"networks", 1, NULL, 'N'}, {"senders", 1, NULL, 'D'}, {"recipients", 1, NULL, 'R'},
        {"sasl", 0, NULL, 'a'}, {"timeout", 1, NULL, 'T'}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "+", names, NULL)) != -1;) {
        double value = optarg ? number(optarg) : 0;
        switch (c) {
        case 'c': options.connections = value >= 1 && value <= 50000 ? (unsigned)value : (usage(), 0); break;
        case 'r': options.rate = value; break;
        case 's': options.seconds = value; break;
        case 'n': options.requests = (uint64_t)value; break;
        case 'w': options.warm_up = value; break;
        case 't': options.triplets = (uint64_t)value; break;
        case 'f': options.first = (uint64_t)value; break;
        case 'i': options.in_turn = true; break;
        case 'S': options.population.seed = (uint64_t)value; break;
        case 'N': options.population.networks = (uint64_t)value; break;
        case 'D': options.population.senders = (uint64_t)value; break;
        case 'R': options.population.recipients = (uint64_t)value; break;
        case 'a': options.population.sasl = 1; break;
        case 'T': options.timeout = value; break;
        default: usage();
        }
    }
    if (options.seconds < 0)
        options.seconds = options.requests ? 1e9 : 5;
    if (optind == argc)
        usage();
    if (strcmp(argv[optind - 1], "--") == 0)
        options.command = argv + optind;
    else if (optind != argc - 1 || !parse_address(argv[optind]))
        usage();
}

int
main(int argc, char **argv)
{
    parse(argc, argv);
    prctl(PR_SET_TIMERSLACK, 1UL); /* else each wait is up to 50 microseconds longer */
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    load.all = calloc(options.connections, sizeof *load.all);
    if (load.poll < 0 || !load.all)
        fail("start");
    for (unsigned i = options.connections; i-- > 0;) {
        if (!open_connection(&load.all[i]))
            fail("connection");
        set_free(&load.all[i]);
    }
    load.random = (options.population.seed << 1) + UINT64_C(0x9e3779b97f4a7c15);
    load.start = now();
    load.counted_from = load.start + (uint64_t)(options.warm_up * (double)SECOND);
    load.end = load.counted_from + (uint64_t)(options.seconds * (double)SECOND);
    run();
    for (unsigned i = 0; i < options.connections; i++)
        close_connection(&load.all[i]);
    report();
    free(load.all);
    return 0;
}
