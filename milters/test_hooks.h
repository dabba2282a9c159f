/* test_hooks.h: places where a test may have the process killed, only in builds with -Dtest_hooks=true.
 *
 * POSTERN_TEST_KILL=STAGE names the place, POSTERN_TEST_KILL_FLAG=FILE a file that is made first; while it
 * exists nothing more is killed, so that a restarted process lives. */
#pragma once
#ifdef POSTERN_TEST_HOOKS
void test_stage(const char *stage);
#else
static inline void
test_stage(const char *stage)
{
    (void)stage;
}
#endif
