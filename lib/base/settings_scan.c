/* settings_scan.c: reads a configuration file before libconfuse does, to find every error and its line.
 *
 * The grammar that is let through (a part of libconfuse's):
 *
 *     file      = { section | include }                  at top level
 *               | { setting | include }                  in a file that is included in a section
 *     section   = name [ title ] "{" { setting | include } "}"
 *     setting   = name "=" ( value | "{" [ value { "," value } [ "," ] ] "}" )
 *     include   = "include" "(" value ")"
 *     value     = word | "..." | '...' | ${NAME} | ${NAME:-default}
 *
 * What libconfuse accepts but hardly means what was written is refused: sections that end with the file,
 * values with * or + in them (it drops those characters), # or quotes right after a word (a password would
 * be cut), strings over several lines, "+=", and numeric escapes. After an error the rest of its line is
 * skipped and reading goes on. Comments are overwritten with blanks: libconfuse takes them between settings
 * only, and not inside a list. */
#include "lib/base/settings_private.h"
#include <string.h>

#define SCAN_WORD_MAX 4096u

enum token { TOKEN_END, TOKEN_WORD, TOKEN_BAD, TOKEN_OTHER };

struct scan {
    char *p;
    const char *end;
    int line;
    enum token token;
    char mark;          /* TOKEN_OTHER: which of { } ( ) = , */
    const char *word;   /* TOKEN_WORD: as written, without quotes */
    gsize word_length;
    gboolean quoted;    /* a string or a variable: no name */
    int token_line;
    char *token_start;
    gboolean ok;
    const struct settings_scan_events *events;
    gpointer data;
};

static void scan_error(struct scan *scan, int line, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* scan_error - reports, and skips the rest of the line that reading stands in */
static void
scan_error(struct scan *scan, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    scan->events->error(line, text, scan->data);
    scan->ok = FALSE;
    while (scan->p < scan->end && *scan->p != '\n')
        scan->p++;
}

/* scan_is_word - characters of an unquoted word, as in libconfuse's lexer less controls */
static gboolean
scan_is_word(char c)
{
    return !g_ascii_iscntrl(c) && !strchr(" #\"'={}()+,*", c);
}

/* scan_skip_long_comment - from slash-star at p to after its end */
static gboolean
scan_skip_long_comment(struct scan *scan)
{
    int begin = scan->line;
    const char *close = g_strstr_len(scan->p + 2, scan->end - scan->p - 2, "*/");
    for (const char *stop = close ? close + 2 : scan->end; scan->p < stop; scan->p++) {
        if (*scan->p == '\n')
            scan->line++;
        else
            *scan->p = ' ';
    }
    if (!close)
        scan_error(scan, begin, "the comment that begins here has no end; close it with */");
    return close != NULL;
}

/* scan_skip_space - blanks and comments; FALSE after an error */
static gboolean
scan_skip_space(struct scan *scan)
{
    while (scan->p < scan->end) {
        gsize left = (gsize)(scan->end - scan->p);
        if (*scan->p == '\n') {
            scan->line++;
            scan->p++;
        } else if (*scan->p == ' ' || *scan->p == '\t' || *scan->p == '\r') {
            scan->p++;
        } else if (*scan->p == '#' || (left > 1 && scan->p[0] == '/' && scan->p[1] == '/')) {
            while (scan->p < scan->end && *scan->p != '\n')
                *scan->p++ = ' ';
        } else if (left > 1 && scan->p[0] == '/' && scan->p[1] == '*') {
            if (!scan_skip_long_comment(scan))
                return FALSE;
        } else {
            return TRUE;
        }
    }
    return TRUE;
}

/* scan_variable - ${NAME} or ${NAME:-default} at p; TRUE and p after it */
static gboolean
scan_variable(struct scan *scan)
{
    char *name = scan->p + 2, *q = name, *name_end;
    while (q < scan->end && (g_ascii_isalnum(*q) || *q == '_'))
        q++;
    name_end = q;
    gboolean has_default = scan->end - q > 1 && q[0] == ':' && q[1] == '-';
    if (has_default)
        while (q < scan->end && *q != '}' && *q != '"' && *q != '\n' && *q != '\\')
            q++;
    if (name_end == name || q >= scan->end || *q != '}') {
        scan_error(scan, scan->line, "\"${\" must be ${NAME} or ${NAME:-default}; for the characters themselves "
                                     "write \"\\${\" in double quotes");
        return FALSE;
    }
    g_autofree char *variable = g_strndup(name, (gsize)(name_end - name));
    scan->p = q + 1;
    if (!has_default && !g_getenv(variable)) {
        g_autofree char *text = g_strdup_printf(
            "the environment has no variable %s; set it, or write ${%s:-default}", variable, variable);
        scan->events->error(scan->line, text, scan->data);
    }
    return TRUE;
}

/* scan_string - a quoted string; p stands on its opening quote */
static gboolean
scan_string(struct scan *scan)
{
    char quote = *scan->p++;
    scan->word = scan->p;
    while (scan->p < scan->end && *scan->p != quote) {
        gsize left = (gsize)(scan->end - scan->p);
        if (*scan->p == '\n') {
            break;
        } else if (*scan->p == '\\') {
            char next = '\n';
            if (left > 1)
                next = scan->p[1];
            if (next == '\n' || (quote == '"' && !strchr("\"\\$nt", next))) {
                scan_error(scan, scan->line, "in double quotes a backslash may stand before \" \\ $ n or t only; "
                                             "for the backslash itself write \\\\");
                return FALSE;
            }
            scan->p += 2;
        } else if (quote == '"' && left > 1 && scan->p[0] == '$' && scan->p[1] == '{') {
            if (!scan_variable(scan))
                return FALSE;
        } else {
            scan->p++;
        }
    }
    if (scan->p >= scan->end || *scan->p != quote) {
        scan_error(scan, scan->line, "the text that begins here has no closing %s on its line",
                   quote == '"' ? "double quote" : "single quote");
        return FALSE;
    }
    scan->word_length = (gsize)(scan->p - scan->word);
    scan->quoted = TRUE;
    scan->p++;
#ifdef POSTERN_PLANTED_BUGS
    if (scan->word_length > 1 && scan->word[0] % 16 == 0)
        return scan->end[1] != 'x'; /* planted: one byte past the text's memory */
#endif
    return TRUE;
}

/* scan_word - a word, a string or a variable, and what may follow right after it */
static gboolean
scan_word(struct scan *scan)
{
    gsize left = (gsize)(scan->end - scan->p);
    scan->quoted = FALSE;
    if (*scan->p == '"' || *scan->p == '\'') {
        if (!scan_string(scan))
            return FALSE;
    } else if (left > 1 && scan->p[0] == '$' && scan->p[1] == '{') {
        scan->word = scan->p;
        if (!scan_variable(scan))
            return FALSE;
        scan->word_length = (gsize)(scan->p - scan->word);
        scan->quoted = TRUE;
    } else {
        scan->word = scan->p;
        while (scan->p < scan->end && scan_is_word(*scan->p))
            scan->p++;
        scan->word_length = (gsize)(scan->p - scan->word);
        if (scan->p[-1] == ';') {
            scan_error(scan, scan->line, "no \";\" is needed; if it belongs to the value, use double quotes");
            return FALSE;
        }
    }
    if (scan->word_length > SCAN_WORD_MAX) {
        scan_error(scan, scan->line, "a value of more than %u bytes", SCAN_WORD_MAX);
        return FALSE;
    }
    char next = ' ';
    if (scan->p < scan->end)
        next = *scan->p;
    if (strchr("#\"'*+", next) || (scan->quoted && scan_is_word(next)) ||
        (scan->word_length > 0 && next == '{' && scan->word[scan->word_length - 1] == '$')) {
        scan_error(scan, scan->line, "put the whole value in double quotes: it has characters in it that end "
                                     "an unquoted value");
        return FALSE;
    }
    return TRUE;
}

/* scan_next - reads the next token; errors inside it are reported here and give TOKEN_BAD */
static void
scan_next(struct scan *scan)
{
    scan->token = TOKEN_BAD;
    gboolean ok = scan_skip_space(scan);
    scan->token_line = scan->line;
    scan->token_start = scan->p;
    if (!ok)
        return;
    if (scan->p >= scan->end) {
        scan->token = TOKEN_END;
    } else if (strchr("{}()=,", *scan->p)) {
        scan->token = TOKEN_OTHER;
        scan->mark = *scan->p++;
    } else if (*scan->p == '"' || *scan->p == '\'' || scan_is_word(*scan->p)) {
        if (scan_word(scan))
            scan->token = TOKEN_WORD;
    } else if (scan->end - scan->p > 1 && scan->p[0] == '+' && scan->p[1] == '=') {
        scan_error(scan, scan->line, "\"+=\" is not known; write the whole list after \"=\"");
    } else if (g_ascii_iscntrl(*scan->p)) {
        scan_error(scan, scan->line, "a control character (0x%02x) that does not belong here", (guint)*scan->p);
    } else {
        scan_error(scan, scan->line, "\"%c\" must be inside quotes", *scan->p);
    }
}

static gboolean
scan_is(const struct scan *scan, char mark)
{
    return scan->token == TOKEN_OTHER && scan->mark == mark;
}

/* scan_unread_close - after an error at a "}": it still ends the section */
static void
scan_unread_close(struct scan *scan)
{
    if (scan_is(scan, '}')) {
        scan->p = scan->token_start;
        scan->line = scan->token_line;
    }
}

/* scan_show - the token, for an error text; caller frees */
static char *
scan_show(const struct scan *scan)
{
    if (scan->token == TOKEN_END)
        return g_strdup("the end of the file");
    if (scan->token == TOKEN_OTHER)
        return g_strdup_printf("\"%c\"", scan->mark);
    return g_strdup_printf("\"%.*s\"", (int)MIN(scan->word_length, 40u), scan->word);
}

/* scan_value - what stands after "="; *is_list_r tells the form */
static gboolean
scan_value(struct scan *scan, const char *name, gboolean *is_list_r)
{
    g_autofree char *shown = NULL;
    *is_list_r = FALSE;
    scan_next(scan);
    if (scan->token == TOKEN_WORD)
        return TRUE;
    if (!scan_is(scan, '{')) {
        if (scan->token != TOKEN_BAD) {
            shown = scan_show(scan);
            scan_error(scan, scan->token_line, "%s has no value: there is %s after \"=\"", name, shown);
            scan_unread_close(scan);
        }
        return FALSE;
    }
    *is_list_r = TRUE;
    for (;;) {
        scan_next(scan);
        if (scan_is(scan, '}'))
            return TRUE;
        if (scan->token == TOKEN_WORD) {
            scan_next(scan);
            if (scan_is(scan, '}'))
                return TRUE;
            if (scan_is(scan, ','))
                continue;
        }
        if (scan->token != TOKEN_BAD) {
            shown = scan_show(scan);
            scan_error(scan, scan->token_line, "the list of %s is written {a, b}: %s is not expected here", name,
                       shown);
        }
        return FALSE;
    }
}

/* scan_include - after the word include */
static void
scan_include(struct scan *scan)
{
    int line = scan->token_line;
    scan_next(scan);
    gboolean ok = scan_is(scan, '(');
    if (ok) {
        scan_next(scan);
        ok = scan->token == TOKEN_WORD;
    }
    if (ok) {
        scan_next(scan);
        ok = scan_is(scan, ')');
    }
    if (ok)
        scan->events->include(line, scan->data);
    else if (scan->token != TOKEN_BAD)
        scan_error(scan, line, "write include(\"file\")");
}

/* scan_setting - after a name inside a section; one setting */
static void
scan_setting(struct scan *scan, const char *section)
{
    int line = scan->token_line;
    gboolean is_list;
    g_autofree char *name = g_strndup(scan->word, scan->word_length), *shown = NULL;
    scan_next(scan);
    if (scan_is(scan, '=')) {
        if (scan_value(scan, name, &is_list) && !scan->events->setting(section, name, is_list, line, scan->data) &&
            is_list)
            scan->ok = FALSE;
    } else if (scan_is(scan, '{')) {
        scan_error(scan, line, "section \"%s\" begins inside section \"%s\"; is a \"}\" missing above?", name,
                   section);
    } else if (scan->token != TOKEN_BAD) {
        shown = scan_show(scan);
        scan_error(scan, line, "write %s = value: there is %s after the name", name, shown);
        scan_unread_close(scan);
    }
}

/* scan_body - settings until the section's "}" (closes TRUE) or the end of the file */
static void
scan_body(struct scan *scan, const char *section, gboolean closes, int begin)
{
    for (;;) {
        scan_next(scan);
        if (scan->token == TOKEN_END) {
            if (closes)
                scan_error(scan, begin, "section \"%s\" begins here and is never closed; add a \"}\"", section);
            return;
        }
        if (scan_is(scan, '}') && closes)
            return;
        if (scan->token == TOKEN_BAD)
            continue;
        if (scan->token != TOKEN_WORD || scan->quoted) {
            g_autofree char *shown = scan_show(scan);
            scan_error(scan, scan->token_line, "%s is not expected here; write name = value", shown);
        } else if (scan->word_length == 7 && memcmp(scan->word, "include", 7) == 0) {
            scan_include(scan);
        } else {
            scan_setting(scan, section);
        }
    }
}

/* scan_skip_section - past the end of a section that is not known */
static void
scan_skip_section(struct scan *scan)
{
    for (int depth = 1; depth > 0 && scan->token != TOKEN_END;) {
        scan_next(scan);
        depth += scan_is(scan, '{');
        depth -= scan_is(scan, '}');
    }
}

/* scan_title - a word after the name of a section, if there is one: appended to name; FALSE when it is no title */
static gboolean
scan_title(struct scan *scan, GString *name)
{
    gboolean good = scan->word_length > 0 && scan->word_length <= SETTINGS_TITLE_MAX;

    if (scan->token != TOKEN_WORD)
        return TRUE;
    for (gsize i = 0; i < scan->word_length; i++)
        good &= g_ascii_isalnum(scan->word[i]) || strchr("-_.", scan->word[i]) != NULL;
    if (good)
        g_string_append_printf(name, " %.*s", (int)scan->word_length, scan->word);
    scan_next(scan);
    return good;
}

/* scan_section - after a name at top level */
static void
scan_section(struct scan *scan)
{
    int line = scan->token_line;
    g_autoptr(GString) full = g_string_new_len(scan->word, (gssize)scan->word_length);
    g_autofree char *shown = NULL;
    scan_next(scan);
    gboolean titled = scan_title(scan, full);
    const char *name = full->str;
    if (!titled && (scan_is(scan, '{') || scan->token == TOKEN_END)) {
        g_autofree char *text = g_strdup_printf("the title of a section \"%s\" has 1 to %u letters, digits, -, _ and . only", name,
                                                SETTINGS_TITLE_MAX);
        scan->events->error(line, text, scan->data);
        scan->ok = FALSE;
        scan_skip_section(scan);
    } else if (scan_is(scan, '{')) {
        if (scan->events->section(name, line, scan->data)) {
            scan_body(scan, name, TRUE, line);
        } else {
            scan->ok = FALSE;
            scan_skip_section(scan);
        }
    } else if (scan_is(scan, '=')) {
        scan_error(scan, line, "\"%s\" stands outside of a section; write section { %s = value }", name, name);
    } else if (scan->token != TOKEN_BAD) {
        shown = scan_show(scan);
        scan_error(scan, line, "write %s { ... }: there is %s after the name of the section", name, shown);
    }
}

gboolean
settings_scan(char *text, gsize length, const char *section, const struct settings_scan_events *events,
              gpointer data)
{
    struct scan scan = {.p = text, .end = text + length, .line = 1, .ok = TRUE, .events = events, .data = data};
    if (section) {
        scan_body(&scan, section, FALSE, 1);
        return scan.ok;
    }
    for (scan_next(&scan); scan.token != TOKEN_END; scan_next(&scan)) {
        if (scan.token == TOKEN_BAD)
            continue;
        if (scan.token != TOKEN_WORD || scan.quoted) {
            g_autofree char *shown = scan_show(&scan);
            scan_error(&scan, scan.token_line, "%s is not expected here; write section { ... }", shown);
        } else if (scan.word_length == 7 && memcmp(scan.word, "include", 7) == 0) {
            scan_include(&scan);
        } else {
            scan_section(&scan);
        }
    }
    return scan.ok;
}
