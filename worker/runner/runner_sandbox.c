/* The sandbox of a runner, out of its settings. See runner_sandbox.h and sandbox/sandbox.h. */
#include "worker/runner/runner_sandbox.h"

#include "common/log.h"
#include "worker/sandbox/sandbox.h"

enum ct_code runner_sandbox(const struct runner_settings *settings, pid_t supervisor,
                            struct ct_error *err)
{
    struct ct_option_list list = {(const char **)settings->sandbox, settings->sandbox_count};
    struct sandbox sandbox;
    struct sandbox_target target = {
        .sandbox = &sandbox,
        .plugin = settings->plugin,
        .temp_dir = settings->temp_dir,
        .supervisor = supervisor,
        /* A debugger reads the process as a core dump is read. */
        .leaves_core = settings->leaves_core || supervisor == 0,
    };
    struct sandbox_support support;
    struct sandbox_report report;
    enum ct_code rc = sandbox_parse(&list, &sandbox, err);

    if (rc != CT_E_OK)
        return rc;
    sandbox_probe(&support);
    rc = sandbox_apply(&target, &support, &report, err);
    if (rc != CT_E_OK)
        return rc;
    for (size_t i = 0; i < report.count; i++)
        ct_log_debug("sandbox", CT_STR("preset", sandbox_preset_name(sandbox.preset)),
                     CT_STR("in_force", report.lines[i].is_in_force ? "yes" : "no"),
                     CT_STR("what", report.lines[i].text));
    return CT_E_OK;
}
