/* settings_value.c: one setting's value: from text, to text, bounds, and the words that describe them.
 *
 * Numbers are plain decimals with an optional unit: 64K, 1G (powers of 1024); 500ms, 20s, 5m, 2h, 30d. A
 * time other than 0 must have its unit, so that nobody has to guess. Points have up to three digits behind the dot. A mode is
 * octal digits (0660). */
#include "lib/base/settings_private.h"
#include "lib/base/net.h"
#include <string.h>

#define VALUE_STRING_MAX 4096
#define VALUE_GUESS_MAX 40u

struct unit {
    const char *name;
    gint64 factor;
};
/* From the largest down: showing takes the first that divides. */
static const struct unit size_units[] = {{"T", G_GINT64_CONSTANT(1) << 40}, {"G", 1 << 30}, {"M", 1 << 20},
                                         {"K", 1 << 10},                    {"", 1},        {NULL, 0}};
static const struct unit time_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                         {"s", 1000},     {"ms", 1},      {NULL, 0}};

static gpointer
value_target(const struct setting *setting, gconstpointer section)
{
    return (char *)(guintptr)section + setting->offset;
}

/* value_parse_number - digits of the base up to *end_r; FALSE when there are none or too many */
static gboolean
value_parse_number(const char *text, guint base, gint64 *value_r, const char **end_r)
{
    guint64 value;
    char *end;
    if (!g_ascii_isdigit(text[0]))
        return FALSE;
    value = g_ascii_strtoull(text, &end, base);
    *end_r = end;
    *value_r = (gint64)value;
    return end != text && value <= G_MAXINT64;
}

/* value_parse_units - a number with one of units */
static char *
value_parse_units(const char *text, const struct unit *units, const char *form, gint64 *value_r)
{
    gint64 number;
    const char *end = text;
    if (!value_parse_number(text, 10, &number, &end))
        return g_strdup_printf("\"%s\" is not %s", text, form);
    if (number == 0 && *end == '\0') {
        *value_r = 0;
        return NULL;
    }
    for (const struct unit *u = units; u->name; u++) {
        if (g_ascii_strcasecmp(end, u->name) != 0)
            continue;
        if (number > G_MAXINT64 / u->factor)
            return g_strdup_printf("\"%s\" is too large", text);
        *value_r = number * u->factor;
        return NULL;
    }
    return g_strdup_printf("\"%s\" is not %s", text, form);
}

char *
settings_parse_time(const char *text, gint64 *ms_r)
{
    return value_parse_units(text, time_units, "a time; write a number with ms, s, m, h or d, as 20s", ms_r);
}

/* value_parse_points - a decimal number as thousandths */
static char *
value_parse_points(const char *text, gint64 *value_r)
{
    gboolean negative = text[0] == '-';
    gint64 whole, part = 0;
    const char *end = text;
    if (!value_parse_number(text + (negative ? 1 : 0), 10, &whole, &end) || whole > G_MAXINT32)
        return g_strdup_printf("\"%s\" is not a number of points; write it as 6.31", text);
    if (*end == '.') {
        const char *digits = end + 1;
        if (!value_parse_number(digits, 10, &part, &end) || end - digits > 3)
            return g_strdup_printf("\"%s\" is not a number of points; at most three digits behind the dot", text);
        for (gint64 n = end - digits; n < 3; n++)
            part *= 10;
    }
    if (*end != '\0')
        return g_strdup_printf("\"%s\" is not a number of points; write it as 6.31", text);
    *value_r = (whole * 1000 + part) * (negative ? -1 : 1);
    return NULL;
}

/* value_append_points - without zeros at the end */
static void
value_append_points(gint64 value, GString *out)
{
    g_string_append_printf(out, "%s%" G_GINT64_FORMAT, value < 0 ? "-" : "", ABS(value) / 1000);
    if (value % 1000 == 0)
        return;
    g_string_append_printf(out, ".%03d", (int)(ABS(value) % 1000));
    while (out->str[out->len - 1] == '0')
        g_string_truncate(out, out->len - 1);
}

/* value_parse - a number of the setting's type, without bounds */
static char *
value_parse(const struct setting *setting, const char *text, gint64 *value_r)
{
    const char *end = text;
    gboolean negative = text[0] == '-';
    switch (setting->type) {
    case SETTING_SIZE:
        return value_parse_units(text, size_units, "a size; write a number with K, M, G or T, as 64M", value_r);
    case SETTING_TIME:
        return settings_parse_time(text, value_r);
    case SETTING_POINTS:
        return value_parse_points(text, value_r);
    case SETTING_MODE:
        if (!value_parse_number(text, 8, value_r, &end) || *end != '\0')
            return g_strdup_printf("\"%s\" is not a file mode; write octal digits, as 0660", text);
        return NULL;
    default:
        if (!value_parse_number(text + (negative ? 1 : 0), 10, value_r, &end) || *end != '\0')
            return g_strdup_printf("\"%s\" is not a whole number", text);
        if (negative)
            *value_r = -*value_r;
        return NULL;
    }
}

/* value_append_number - a number as its type is written */
static void
value_append_number(const struct setting *setting, gint64 value, GString *out)
{
    const struct unit *u = setting->type == SETTING_TIME ? time_units : size_units;
    if (setting->type == SETTING_POINTS) {
        value_append_points(value, out);
    } else if (setting->type == SETTING_MODE) {
        g_string_append_printf(out, "%04" G_GINT64_MODIFIER "o", (guint64)value);
    } else if (setting->type == SETTING_INT || value == 0) {
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
    } else {
        while (value % u->factor != 0)
            u++;
        g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", value / u->factor, u->name);
    }
}

static char *
value_set_number(const struct setting *setting, gpointer section, const char *text)
{
    gint64 value = 0;
    char *problem = value_parse(setting, text, &value);
    if (problem)
        return problem;
    gboolean bounded = setting->min != 0 || setting->max != 0;
    if (bounded && (value < setting->min || value > setting->max)) {
        g_autoptr(GString) bound = g_string_new(NULL);
        value_append_number(setting, value < setting->min ? setting->min : setting->max, bound);
        return g_strdup_printf("\"%s\" is too %s: at %s %s", text, value < setting->min ? "small" : "large",
                               value < setting->min ? "least" : "most", bound->str);
    }
    *(gint64 *)value_target(setting, section) = value;
    return NULL;
}

/* value_check_string - what all strings must keep to, list items too */
static char *
value_check_string(const struct setting *setting, const char *text)
{
    gsize length = strlen(text), max = VALUE_STRING_MAX;
    g_autoptr(GError) error = NULL;
    if (setting->type != SETTING_LIST && setting->max > 0)
        max = (gsize)setting->max;
    if (!g_utf8_validate(text, -1, NULL))
        return g_strdup("the value is not UTF-8");
    for (const char *p = text; *p; p++)
        if (g_ascii_iscntrl(*p))
            return g_strdup("the value has a control character in it");
    if (length > max)
        return g_strdup_printf("the value is too long: at most %zu bytes", max);
    if (setting->type != SETTING_LIST && (gint64)length < setting->min)
        return length == 0 ? g_strdup("must not be empty")
                           : g_strdup_printf("the value is too short: at least %d bytes", (int)setting->min);
    if (length > 0 && setting->type == SETTING_PATH && text[0] != '/')
        return g_strdup_printf("\"%s\" is not an absolute path; it must begin with /", text);
    if (length > 0 && setting->type == SETTING_SOCKET && !net_check_address(text, &error))
        return g_strdup(error->message);
    return NULL;
}

/* value_find_choice - the index of text among the choices, or -1 with the problem */
static int
value_find_choice(const struct setting *setting, const char *text, char **problem_r)
{
    for (int i = 0; setting->choices[i]; i++)
        if (strcmp(setting->choices[i], text) == 0)
            return i;
    const char *guess = settings_guess(text, setting->choices);
    g_autofree char *all = g_strjoinv(", ", (char **)(guintptr)setting->choices);
    if (guess)
        *problem_r = g_strdup_printf("\"%s\" is not known; did you mean \"%s\"?", text, guess);
    else
        *problem_r = g_strdup_printf("\"%s\" is not known; choose from: %s", text, all);
    return -1;
}

static char *
value_set_bool(const struct setting *setting, gpointer section, const char *text)
{
    gboolean yes = strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0)
        return g_strdup_printf("\"%s\" is neither yes nor no", text);
    *(gboolean *)value_target(setting, section) = yes;
    return NULL;
}

static char *
value_set_enum(const struct setting *setting, gpointer section, const char *text)
{
    char *problem = NULL;
    int index = value_find_choice(setting, text, &problem);
    if (index >= 0)
        *(int *)value_target(setting, section) = index;
    return problem;
}

static char *
value_add_item(const struct setting *setting, gpointer section, const char *text)
{
    char ***target = value_target(setting, section);
    char *problem = value_check_string(setting, text);
    guint n = *target ? g_strv_length(*target) : 0;
    if (problem)
        return problem;
    if (*text == '\0')
        return g_strdup("an item of a list must not be empty");
    if (setting->choices && value_find_choice(setting, text, &problem) < 0)
        return problem;
    if (*target && g_strv_contains((const char *const *)*target, text))
        return g_strdup_printf("\"%s\" is in the list twice", text);
    if (n >= (setting->max > 0 ? (guint64)setting->max : VALUE_STRING_MAX))
        return g_strdup_printf("too many items: at most %u", n);
    *target = g_renew(char *, *target, n + 2);
    (*target)[n] = g_strdup(text);
    (*target)[n + 1] = NULL;
    return NULL;
}

char *
settings_value_set(const struct setting *setting, gpointer section, const char *text)
{
    char *problem, **target;
    switch (setting->type) {
    case SETTING_INT:
    case SETTING_SIZE:
    case SETTING_TIME:
    case SETTING_POINTS:
    case SETTING_MODE:
        return value_set_number(setting, section, text);
    case SETTING_BOOL:
        return value_set_bool(setting, section, text);
    case SETTING_ENUM:
        return value_set_enum(setting, section, text);
    case SETTING_LIST:
        return value_add_item(setting, section, text);
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SOCKET:
        break;
    }
    problem = value_check_string(setting, text);
    if (problem)
        return problem;
    target = value_target(setting, section);
    g_free(*target);
    *target = g_strdup(text);
    return NULL;
}

void
settings_value_empty_list(const struct setting *setting, gpointer section)
{
    char ***target = value_target(setting, section);
    g_strfreev(*target);
    *target = g_new0(char *, 1);
}

void
settings_value_default(const struct setting *setting, gpointer section)
{
    const char *dflt = setting->dflt ? setting->dflt : "";
    g_auto(GStrv) items = NULL;
    if (setting->type == SETTING_LIST) {
        settings_value_empty_list(setting, section);
        items = *dflt ? g_strsplit(dflt, ",", -1) : g_new0(char *, 1);
    } else {
        items = g_new0(char *, 2);
        items[0] = g_strdup(dflt);
    }
    for (char **item = items; *item; item++) {
        g_autofree char *problem = settings_value_set(setting, section, g_strstrip(*item));
        if (problem)
            g_error("the default of %s: %s", setting->name, problem);
    }
}

void
settings_value_clear(const struct setting *setting, gpointer section)
{
    gpointer target = value_target(setting, section);
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SOCKET:
        g_clear_pointer((char **)target, g_free);
        break;
    case SETTING_LIST:
        g_clear_pointer((char ***)target, g_strfreev);
        break;
    case SETTING_BOOL:
        *(gboolean *)target = FALSE;
        break;
    case SETTING_ENUM:
        *(int *)target = 0;
        break;
    case SETTING_INT:
    case SETTING_SIZE:
    case SETTING_TIME:
    case SETTING_POINTS:
    case SETTING_MODE:
        *(gint64 *)target = 0;
        break;
    }
}

/* value_append_quoted - a string in double quotes for libconfuse */
static void
value_append_quoted(const char *text, GString *out)
{
    g_string_append_c(out, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\' || *p == '$')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
}

void
settings_value_append(const struct setting *setting, gconstpointer section, GString *out)
{
    gconstpointer target = value_target(setting, section);
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SOCKET:
        value_append_quoted(*(char *const *)target, out);
        break;
    case SETTING_LIST:
        g_string_append_c(out, '{');
        for (char *const *item = *(char **const *)target; *item; item++) {
            g_string_append(out, item == *(char **const *)target ? "" : ", ");
            value_append_quoted(*item, out);
        }
        g_string_append_c(out, '}');
        break;
    case SETTING_BOOL:
        g_string_append(out, *(const gboolean *)target ? "yes" : "no");
        break;
    case SETTING_ENUM:
        g_string_append(out, setting->choices[*(const int *)target]);
        break;
    case SETTING_INT:
    case SETTING_SIZE:
    case SETTING_TIME:
    case SETTING_POINTS:
    case SETTING_MODE:
        value_append_number(setting, *(const gint64 *)target, out);
        break;
    }
}

void
settings_value_describe(const struct setting *setting, GString *out)
{
    static const char *const names[] = {
        [SETTING_STRING] = "text", [SETTING_PATH] = "path", [SETTING_SOCKET] = "socket address",
        [SETTING_BOOL] = "yes or no", [SETTING_INT] = "number", [SETTING_SIZE] = "size",
        [SETTING_TIME] = "time", [SETTING_ENUM] = "one of", [SETTING_LIST] = "list",
        [SETTING_POINTS] = "points", [SETTING_MODE] = "octal mode"};
    gboolean number = setting->type == SETTING_INT || setting->type == SETTING_SIZE ||
                      setting->type == SETTING_TIME || setting->type == SETTING_POINTS || setting->type == SETTING_MODE;
    g_string_append(out, names[setting->type]);
    if (setting->choices) {
        g_autofree char *all = g_strjoinv(", ", (char **)(guintptr)setting->choices);
        g_string_append_printf(out, "%s%s", setting->type == SETTING_ENUM ? " " : " of ", all);
    } else if (number && (setting->min != 0 || setting->max != 0)) {
        g_string_append(out, ", ");
        value_append_number(setting, setting->min, out);
        g_string_append(out, " to ");
        value_append_number(setting, setting->max, out);
    } else if (!number && setting->min > 0) {
        g_string_append(out, ", not empty");
    }
}

/* value_distance - edits (insert, drop, change, swap neighbours) from a to b; both short */
static guint
value_distance(const char *a, const char *b)
{
    guint rows[3][VALUE_GUESS_MAX + 1];
    guint la = (guint)strlen(a), lb = (guint)strlen(b);
    guint *two = rows[0], *one = rows[1], *now = rows[2];
    for (guint j = 0; j <= lb; j++)
        one[j] = j;
    memset(two, 0, sizeof rows[0]);
    for (guint i = 1; i <= la; i++) {
        now[0] = i;
        for (guint j = 1; j <= lb; j++) {
            guint best = one[j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN(best, MIN(one[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = MIN(best, two[j - 2] + 1);
            now[j] = best;
        }
        guint *spare = two;
        two = one;
        one = now;
        now = spare;
    }
    return one[lb];
}

const char *
settings_guess(const char *word, const char *const *names)
{
    gsize length = strlen(word);
    const char *best = NULL;
    guint best_distance = length < 4 ? 2 : length < 9 ? 3 : 4; /* one more than allowed */
    if (length > VALUE_GUESS_MAX)
        return NULL;
    for (; *names; names++) {
        gsize other = strlen(*names);
        guint distance = other <= VALUE_GUESS_MAX ? value_distance(word, *names) : G_MAXUINT;
        if (distance < best_distance && distance < MAX(length, other)) {
            best_distance = distance;
            best = *names;
        }
    }
    return best;
}
