/* test_state_kill.c: kill -9 of a process under load: after a restart everything is there that was older than a second. */
#include "tests/unit/policyd/state_sql.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 4
#define GRACE_MS 1000

static const struct meter_limit daily = {1000000, 86400};

struct note {
    gint64 at_ms;
    guint n;
};

/* The child: touches a new mark and a new meter each time, and says so afterwards. */
static void
child(const struct sqltest *test, guint n, int out)
{
    struct state_options options = {.sql = test->options, .node = "a", .shared = test->mariadb};
    struct state *state = state_open(&options, NULL);
    if (!state)
        _exit(2);
    for (;; n++) {
        char text[32];
        g_snprintf(text, sizeof text, "%u", n);
        marks_touch(state, MARK_ORIGIN, text, real_s(), 1, NULL);
        meter_add(state, METER_SENT, text, &daily, 1, 100, real_ms(), NULL);
        meter_add(state, METER_SENT, "all", &daily, 1, 1, real_ms(), NULL);
        struct note note = {real_ms(), n};
        if (write(out, &note, sizeof note) != sizeof note)
            _exit(3);
        if (n % 10 == 0)
            g_usleep(1000);
    }
}

static void
judge(const struct sqltest *test, guint first, guint last)
{
    struct state *state = open_state(test, "a", test->mariadb);
    struct meter_answer answer;
    for (guint n = first; n <= last; n++) {
        char text[32];
        g_snprintf(text, sizeof text, "%u", n);
        if (!marks_get(state, MARK_ORIGIN, text, real_s(), NULL))
            fail_msg("mark %u of %u..%u is lost", n, first, last);
        meter_read(state, METER_SENT, text, &daily, 1, 0, real_ms(), &answer);
        assert_true(answer.before[0] > 0);
    }
    meter_read(state, METER_SENT, "all", &daily, 1, 0, real_ms(), &answer);
    /* Drained by 11.6 a second since. */
    assert_true(answer.before[0] > (double)last * 0.9 - 600);
    state_close(&state);
}

static void
killed(const struct sqltest *test)
{
    guint next = 1;
    for (guint round = 0; round < ROUNDS; round++) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(fd[0]);
            child(test, next, fd[1]);
        }
        close(fd[1]);
        struct note note = {0};
        g_autoptr(GArray) notes = g_array_new(FALSE, FALSE, sizeof note);
        gint64 kill_ms = 0;
        while (read(fd[0], &note, sizeof note) == sizeof note) {
            g_array_append_val(notes, note);
            if (!kill_ms)
                kill_ms = note.at_ms + 1500 + 313 * round;
            if (note.at_ms >= kill_ms)
                break;
        }
        gint64 killed_ms = real_ms();
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(fd[0]);
        guint last = 0;
        for (guint i = 0; i < notes->len; i++)
            if (g_array_index(notes, struct note, i).at_ms < killed_ms - GRACE_MS)
                last = g_array_index(notes, struct note, i).n;
        assert_true(last > next);
        judge(test, next, last);
        next = note.n + 1;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {SQLTEST(killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
