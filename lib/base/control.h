/* control.h: a daemon's control socket: reload, status, stop, restart by one line.
 *
 * A client connects, writes one line ("reload\n"), reads one line: "OK text\n" or "ERROR text\n". Only
 * root, the daemon's own user and the socket's group may connect (mode 0660; SO_PEERCRED is logged).
 * Commands are handled one at a time in the control thread. */
#pragma once
#include <glib.h>

#define CONTROL_REQUEST_MAX 16384u /* bytes of a line that is sent, without its end */

struct control;
/* Handles one command; appends the text of the answer; TRUE = OK. args is the rest of the line. */
typedef gboolean (*control_handler)(const char *args, GString *answer, gpointer data);
struct control_command {
    const char *name; /* closed by NULL */
    const char *doc;
    control_handler handler;
};
/* Listens on path and starts the thread. commands must outlive it. "help" is built in. */
struct control *control_start(const char *address, const struct control_command *commands, gpointer data,
                              GError **error);
void control_stop(struct control **control);
/* For the CLI: sends one command, gives the answer line without the leading word. */
gboolean control_call(const char *address, const char *command, int timeout_ms, GString *answer, GError **error);

/* The two ends of the protocol without a socket. Runs a request line (changed in place) and makes the whole answer line of what
 * the handler appended to the empty line; TRUE = OK. Thread-safe as far as the handlers are. */
gboolean control_answer(const struct control_command *commands, gpointer data, char *request, GString *line);
/* Appends the text of an answer line (without its newline); FALSE with it as the error (NET_ERROR_SYSTEM) unless it is OK. */
gboolean control_understand(const char *line, GString *answer, GError **error);
