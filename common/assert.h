/* ct_assert: on in release builds too, for what only a bug of ours can break. One condition each,
 * no side effects. Prints the place and aborts. */
#ifndef CT_COMMON_ASSERT_H
#define CT_COMMON_ASSERT_H

#define ct_assert(condition) \
    ((condition) ? (void)0 : ct_assert_failed(#condition, __FILE__, __LINE__, __func__))

void ct_assert_failed(const char *condition, const char *file, int line, const char *function)
    __attribute__((noreturn, cold));

#endif
