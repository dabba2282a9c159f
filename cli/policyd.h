/* policyd.h: questions to postern-policyd over its control socket: words out, one JSON object back. */
#pragma once
#include "cli/cli.h"
#include <jansson.h>

/* Sends COMMAND and the words (NULL-terminated), percent-encoded. NULL after saying why on stderr; else the caller's. */
json_t *policyd_ask(const struct config *config, const char *command, const char *const *words);
#define POLICYD_ASK(config, command, ...) policyd_ask(config, command, (const char *const[]){__VA_ARGS__, NULL})
/* A string of an object, "" when it has none. */
const char *policyd_text(const json_t *row, const char *name);
gint64 policyd_number(const json_t *row, const char *name);
/* Local time to the minute, "2026-11-29 12:20"; "-" for 0. Caller frees. */
char *policyd_time(gint64 seconds);
/* Seconds of the option --for, a time as 2h or 7d; 0 without one (NULL), which is for ever. -1: it is none, which was said. */
gint64 policyd_for(const char *text);
/* Who is at the keyboard, for the audit: the login name, through sudo too. Caller frees. */
char *policyd_who(void);
/* The way of a command that only asks: loads the configuration, asks, prints by print, and frees. The exit code. */
int policyd_show(const char *config_path, const char *command, const char *const *words, void (*print)(const json_t *told));
#define POLICYD_SHOW(path, command, print, ...) policyd_show(path, command, (const char *const[]){__VA_ARGS__, NULL}, print)
/* What was decided, as the command facts tells it: a table of whom (heading), since when, until when, by whom and why. */
void policyd_print_facts(const json_t *told, const char *heading);
