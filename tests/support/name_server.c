/* name_server.c: a little DNS server on loopback, answering by the first label of the name. */
#include "tests/support/name_server.h"
#include <netinet/in.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MESSAGE_MAX 65535u
#define HUGE_STRINGS 200u

struct name_server {
    int udp, tcp;
    guint16 port;
    char *address;
    gint stopping;
    GThread *threads[2];
    GMutex lock;
    GHashTable *asked; /* label -> count */
};

static void
put16(GByteArray *out, guint value)
{
    const guint8 octets[] = {(guint8)(value >> 8), (guint8)value};

    g_byte_array_append(out, octets, 2);
}

/* One record of the name asked for, or of the root of "test" for SOA. */
static void
put_rr(GByteArray *out, guint section, guint type, const void *data, gsize length)
{
    put16(out, 0xc00c);
    put16(out, type);
    put16(out, 1);
    put16(out, 0);
    put16(out, 60);
    put16(out, (guint)length);
    g_byte_array_append(out, data, (guint)length);
    out->data[section + 1]++;
}

#define ANSWER 6u
#define AUTHORITY 8u

static void
put_huge(GByteArray *out)
{
    g_autoptr(GByteArray) text = g_byte_array_new();
    guint8 string[256];

    memset(string, 'x', sizeof string);
    string[0] = 255;
    for (guint i = 0; i < HUGE_STRINGS; i++)
        g_byte_array_append(text, string, sizeof string);
    put_rr(out, ANSWER, 16, text->data, text->len);
}

static void
put_alias(GByteArray *out, guint number)
{
    g_autoptr(GByteArray) name = g_byte_array_new();
    g_autofree char *label = number > 0 ? g_strdup_printf("c%u", number - 1) : g_strdup("a");
    guint8 length = (guint8)strlen(label);

    g_byte_array_append(name, &length, 1);
    g_byte_array_append(name, (const guint8 *)label, length);
    g_byte_array_append(name, (const guint8 *)"\4test", 6);
    put_rr(out, ANSWER, 5, name->data, name->len);
}

static void
fail(GByteArray *out, guint rcode)
{
    static const guint8 soa[] = "\2ns\4test\0\1x\4test\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\36";

    out->data[3] |= (guint8)rcode;
    if (rcode == 0 || rcode == 3)
        put_rr(out, AUTHORITY, 6, soa, sizeof soa - 1);
}

/* Fills in the answer for the label. */
static void
answer(GByteArray *out, const char *label, guint type, gboolean tcp)
{
    guint number = (guint)g_ascii_strtoull(label + 1, NULL, 10);
    const guint8 numbered[] = {10, 0, (guint8)(number >> 8), (guint8)number};
    static const guint8 mx[] = "\0\12\4MAIL\xc0\x0f", ptr[] = "\4host\4test";

    if (strcmp(label, "servfail") == 0)
        fail(out, 2);
    else if (strcmp(label, "empty") == 0 || type == 48)
        fail(out, 0);
    else if (label[0] == 'c' && g_ascii_isdigit(label[1]))
        put_alias(out, number);
    else if (strcmp(label, "huge") == 0 && tcp)
        put_huge(out);
    else if (strcmp(label, "huge") == 0)
        out->data[2] |= 2; /* TC */
    else if (strcmp(label, "short") == 0)
        put_rr(out, ANSWER, 1, "\1\2\3", 3);
    else if (strcmp(label, "runover") == 0)
        put_rr(out, ANSWER, 16, "\20abc", 4);
    else if (strcmp(label, "mx") == 0)
        put_rr(out, ANSWER, 15, mx, sizeof mx - 1);
    else if (strcmp(label, "ptr") == 0)
        put_rr(out, ANSWER, 12, ptr, sizeof ptr);
    else if (strcmp(label, "txt") == 0)
        put_rr(out, ANSWER, 16, "\3v=a\2 b", 7);
    else if (label[0] == 'a' && g_ascii_isdigit(label[1]))
        put_rr(out, ANSWER, 1, numbered, 4);
    else if (strcmp(label, "a") == 0 || strcmp(label, "slow") == 0 || strcmp(label, "wrongid") == 0)
        put_rr(out, ANSWER, 1, "\300\0\2\1", 4);
    else
        fail(out, 3);
}

static char *
first_label(const guint8 *message, gsize length)
{
    gsize label = length > 13 ? message[12] : 0;

    return length > 13 + label + 4 ? g_ascii_strdown((const char *)message + 13, (gssize)label) : NULL;
}

/* The answer to one message; NULL: none. */
static GByteArray *
respond(struct name_server *server, const guint8 *message, gsize length, gboolean tcp)
{
    g_autofree char *label = first_label(message, length);
    gsize end = 12;

    if (label == NULL)
        return NULL;
    while (end < length && message[end] != 0)
        end += 1 + (gsize)message[end];
    if (end + 5 > length)
        return NULL;
    g_mutex_lock(&server->lock);
    g_hash_table_insert(server->asked, g_strdup(label),
                        GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(server->asked, label)) + 1));
    g_mutex_unlock(&server->lock);
    if (g_str_has_prefix(label, "silent"))
        return NULL;
    if (strcmp(label, "slow") == 0)
        g_usleep(200000);
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, message, (guint)end + 5);
    out->data[2] = 0x81;
    out->data[3] = 0x80;
    memset(out->data + ANSWER, 0, 6);
    answer(out, label, (guint)message[end + 1] << 8 | message[end + 2], tcp);
    return out;
}

static void
send_udp(struct name_server *server, GByteArray *out, const struct sockaddr_in *peer)
{
    if (memcmp(out->data + 12, "\7wrongid", 8) == 0) {
        guint8 right = out->data[1], last = out->data[out->len - 1];

        out->data[1] ^= 0x55;
        out->data[out->len - 1] = 66;
        sendto(server->udp, out->data, out->len, 0, (const struct sockaddr *)peer, sizeof *peer);
        out->data[1] = right;
        out->data[out->len - 1] = last;
    }
    sendto(server->udp, out->data, out->len, 0, (const struct sockaddr *)peer, sizeof *peer);
}

static gpointer
serve_udp(gpointer data)
{
    struct name_server *server = data;
    g_autofree guint8 *message = g_malloc(MESSAGE_MAX);

    while (!g_atomic_int_get(&server->stopping)) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        ssize_t n = recvfrom(server->udp, message, MESSAGE_MAX, 0, (struct sockaddr *)&peer, &size);
        GByteArray *out = n > 0 ? respond(server, message, (gsize)n, FALSE) : NULL;

        if (out != NULL) {
            send_udp(server, out, &peer);
            g_byte_array_unref(out);
        }
    }
    return NULL;
}

/* One question of a connection, then it is closed. */
static void
serve_connection(struct name_server *server, int fd)
{
    g_autofree guint8 *message = g_malloc(MESSAGE_MAX);
    guint8 head[2];

    if (recv(fd, head, 2, MSG_WAITALL) == 2) {
        gsize length = (gsize)head[0] << 8 | head[1];
        gboolean whole = recv(fd, message, length, MSG_WAITALL) == (ssize_t)length;
        GByteArray *out = whole ? respond(server, message, length, TRUE) : NULL;

        if (out != NULL) {
            head[0] = (guint8)(out->len >> 8);
            head[1] = (guint8)out->len;
            g_byte_array_prepend(out, head, 2);
            send(fd, out->data, out->len, MSG_NOSIGNAL);
            g_byte_array_unref(out);
        }
    }
    close(fd);
}

static gpointer
serve_tcp(gpointer data)
{
    struct name_server *server = data;
    struct timeval second = {1, 0};

    while (!g_atomic_int_get(&server->stopping)) {
        int fd = accept(server->tcp, NULL, NULL);

        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
        serve_connection(server, fd);
    }
    return NULL;
}

static int
bound(int kind, guint16 port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {0, 50000};
    int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0), on = 1;

    g_assert_cmpint(fd, >=, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (kind == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct name_server *
name_server_new(guint16 port)
{
    struct name_server *server = g_new0(struct name_server, 1);
    struct sockaddr_in address;

    g_mutex_init(&server->lock);
    server->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint tries = 0;; tries++) {
        socklen_t size = sizeof address;

        server->tcp = bound(SOCK_STREAM, port);
        g_assert_cmpint(server->tcp, >=, 0);
        getsockname(server->tcp, (struct sockaddr *)&address, &size);
        server->udp = bound(SOCK_DGRAM, ntohs(address.sin_port));
        if (server->udp >= 0)
            break;
        close(server->tcp);
        g_assert_cmpuint(tries, <, 50);
    }
    g_assert_cmpint(listen(server->tcp, 64), ==, 0);
    server->port = ntohs(address.sin_port);
    server->address = g_strdup_printf("127.0.0.1@%u", server->port);
    server->threads[0] = g_thread_new("udp", serve_udp, server);
    server->threads[1] = g_thread_new("tcp", serve_tcp, server);
    return server;
}

void
name_server_free(struct name_server **server)
{
    g_atomic_int_set(&(*server)->stopping, TRUE);
    g_thread_join((*server)->threads[0]);
    g_thread_join((*server)->threads[1]);
    close((*server)->udp);
    close((*server)->tcp);
    g_hash_table_unref((*server)->asked);
    g_mutex_clear(&(*server)->lock);
    g_free((*server)->address);
    g_clear_pointer(server, g_free);
}

guint16
name_server_port(const struct name_server *server)
{
    return server->port;
}

const char *
name_server_address(const struct name_server *server)
{
    return server->address;
}

guint
name_server_asked(struct name_server *server, const char *label)
{
    g_mutex_lock(&server->lock);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(server->asked, label));
    g_mutex_unlock(&server->lock);
    return count;
}
