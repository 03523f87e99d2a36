/* The bytes of every message, with all fields and with the required ones alone, written by another
 * encoder than ours: VECTOR(NAME, name, payload in hex, members of the struct). Included by
 * test_codec.c alone, which defines VECTOR. */
/* clang-format off */
VECTOR(HELLO, hello,
       "92 01 87 01 01 02 01 03 01 04 c4 03 77 2f 31 05 c4 03 75 2d 31 06 c4 01 "
       "72 07 ce 00 01 11 70",
       .protocol_min = 1, .protocol_max = 1, .role = 1, .software = CT_STR_LIT("w/1"),
       .has_worker = true, .worker = CT_STR_LIT("u-1"), .has_runner = true,
       .runner = CT_STR_LIT("r"), .has_pid = true, .pid = 70000)
VECTOR(HELLO, hello,
       "92 01 84 01 01 02 cd 01 2c 03 03 04 c4 00",
       .protocol_min = 1, .protocol_max = 300, .role = 3, .software = CT_STR_LIT(""))
VECTOR(WELCOME, welcome,
       "92 02 84 01 01 02 c4 03 71 2f 31 03 c4 03 75 2d 31 04 ce 04 00 00 00",
       .protocol = 1, .software = CT_STR_LIT("q/1"), .daemon = CT_STR_LIT("u-1"),
       .frame_max = 67108864)
VECTOR(ERROR, error,
       "92 03 83 01 08 02 c4 02 6e 6f 03 cf 00 00 00 01 00 00 00 00",
       .code = 8, .detail = CT_STR_LIT("no"), .has_request = true, .request = 4294967296)
VECTOR(ERROR, error,
       "92 03 82 01 07 02 c4 04 6c 61 74 65",
       .code = 7, .detail = CT_STR_LIT("late"))
VECTOR(ATTACH, attach,
       "92 04 85 01 01 02 c4 10 65 6d 61 69 6c 2d 70 72 6f 63 65 73 73 69 6e 67 "
       "03 c4 04 62 75 6c 6c 04 c4 04 61 75 74 6f 05 c4 11 7b 22 63 6f 6e 63 75 "
       "72 72 65 6e 63 79 22 3a 35 7d",
       .sub = 1, .queue = CT_STR_LIT("email-processing"), .has_prefix = true,
       .prefix = CT_STR_LIT("bull"), .has_dialect = true, .dialect = CT_STR_LIT("auto"),
       .has_settings = true, .settings = CT_STR_LIT("{\"concurrency\":5}"))
VECTOR(ATTACH, attach,
       "92 04 82 01 cc ff 02 c4 01 71",
       .sub = 255, .queue = CT_STR_LIT("q"))
VECTOR(ATTACHED, attached,
       "92 05 83 01 01 02 00 04 c4 04 62 75 6c 6c",
       .sub = 1, .code = 0, .has_dialect = true, .dialect = CT_STR_LIT("bull"))
VECTOR(ATTACHED, attached,
       "92 05 83 01 01 02 03 03 c4 0d 6e 6f 20 73 75 63 68 20 71 75 65 75 65",
       .sub = 1, .code = 3, .has_detail = true, .detail = CT_STR_LIT("no such queue"))
VECTOR(WINDOW, window,
       "92 06 82 01 01 02 cc 80",
       .sub = 1, .count = 128)
VECTOR(JOB, job,
       "92 07 8c 01 09 02 01 03 c4 02 38 31 04 c4 06 72 65 73 69 7a 65 05 c4 07 "
       "7b 22 61 22 3a 31 7d 06 c4 02 7b 7d 07 c4 03 74 2d 31 08 cf 00 00 01 8b "
       "cf e5 68 00 09 02 0a cd 75 30 0b c4 02 74 72 0c c4 08 62 75 6c 6c 3a 71 "
       "3a 31",
       .lease = 9, .sub = 1, .id = CT_STR_LIT("81"), .name = CT_STR_LIT("resize"),
       .data = CT_STR_LIT("{\"a\":1}"), .opts = CT_STR_LIT("{}"), .token = CT_STR_LIT("t-1"),
       .timestamp_ms = 1700000000000, .attempts_made = 2, .has_timeout_ms = true,
       .timeout_ms = 30000, .has_telemetry = true, .telemetry = CT_STR_LIT("tr"),
       .has_parent = true, .parent = CT_STR_LIT("bull:q:1"))
VECTOR(JOB, job,
       "92 07 89 01 cf ff ff ff ff ff ff ff ff 02 00 03 c4 01 78 04 c4 00 05 c4 "
       "04 6e 75 6c 6c 06 c4 0e 7b 22 61 74 74 65 6d 70 74 73 22 3a 33 7d 07 c4 "
       "01 74 08 ff 09 00",
       .lease = 18446744073709551615u, .sub = 0, .id = CT_STR_LIT("x"), .name = CT_STR_LIT(""),
       .data = CT_STR_LIT("null"), .opts = CT_STR_LIT("{\"attempts\":3}"),
       .token = CT_STR_LIT("t"), .timestamp_ms = -1, .attempts_made = 0)
VECTOR(COMPLETED, completed,
       "92 08 82 01 09 02 c4 0b 7b 22 6f 6b 22 3a 74 72 75 65 7d",
       .lease = 9, .has_value = true, .value = CT_STR_LIT("{\"ok\":true}"))
VECTOR(COMPLETED, completed,
       "92 08 81 01 09",
       .lease = 9)
VECTOR(FAILED, failed,
       "92 09 85 01 09 02 c4 04 62 6f 6f 6d 03 c4 14 45 72 72 6f 72 3a 20 62 6f "
       "6f 6d 0a 20 20 20 20 61 74 20 78 04 c3 05 ff",
       .lease = 9, .has_reason = true, .reason = CT_STR_LIT("boom"), .has_stack = true,
       .stack = CT_STR_LIT("Error: boom\n    at x"), .has_unrecoverable = true,
       .unrecoverable = true, .has_delay_ms = true, .delay_ms = -1)
VECTOR(FAILED, failed,
       "92 09 83 01 09 04 c2 05 cd 01 f4",
       .lease = 9, .has_unrecoverable = true, .unrecoverable = false, .has_delay_ms = true,
       .delay_ms = 500)
VECTOR(FAILED, failed,
       "92 09 81 01 09",
       .lease = 9)
VECTOR(RELEASED, released,
       "92 0a 83 01 09 02 03 03 cd 03 e8",
       .lease = 9, .how = 3, .has_duration_ms = true, .duration_ms = 1000)
VECTOR(RELEASED, released,
       "92 0a 82 01 09 02 01",
       .lease = 9, .how = 1)
VECTOR(ACK, ack,
       "92 0b 83 01 09 02 00 03 01",
       .lease = 9, .code = 0, .has_state = true, .state = 1)
VECTOR(ACK, ack,
       "92 0b 83 01 09 02 0d 04 c4 0a 74 61 6b 65 6e 20 6f 76 65 72",
       .lease = 9, .code = 13, .has_detail = true, .detail = CT_STR_LIT("taken over"))
VECTOR(PROGRESS, progress,
       "92 0c 82 01 09 02 c4 02 34 32",
       .lease = 9, .value = CT_STR_LIT("42"))
VECTOR(LOG, log,
       "92 0d 82 01 09 02 c4 08 68 61 6c 66 20 77 61 79",
       .lease = 9, .line = CT_STR_LIT("half way"))
VECTOR(UPDATE, update,
       "92 0e 82 01 09 02 c4 07 7b 22 61 22 3a 32 7d",
       .lease = 9, .data = CT_STR_LIT("{\"a\":2}"))
VECTOR(CANCEL, cancel,
       "92 0f 83 01 09 02 11 03 c4 07 62 79 20 68 61 6e 64",
       .lease = 9, .code = 17, .reason = CT_STR_LIT("by hand"))
VECTOR(RESUME, resume,
       "92 10 83 01 01 02 c4 02 38 31 03 c4 03 74 2d 31",
       .sub = 1, .id = CT_STR_LIT("81"), .token = CT_STR_LIT("t-1"))
VECTOR(RESUMED, resumed,
       "92 11 85 01 01 02 c4 02 38 31 03 c4 03 74 2d 31 04 00 05 0a",
       .sub = 1, .id = CT_STR_LIT("81"), .token = CT_STR_LIT("t-1"), .code = 0, .has_lease = true,
       .lease = 10)
VECTOR(RESUMED, resumed,
       "92 11 84 01 01 02 c4 02 38 31 03 c4 03 74 2d 31 04 0d",
       .sub = 1, .id = CT_STR_LIT("81"), .token = CT_STR_LIT("t-1"), .code = 13)
VECTOR(CASUALTY, casualty,
       "92 12 84 01 c4 03 75 2d 31 02 c4 10 69 6d 61 67 65 2d 70 72 6f 63 65 73 "
       "73 69 6e 67 03 c4 02 38 31 04 c4 07 53 49 47 53 45 47 56",
       .runner = CT_STR_LIT("u-1"), .queue = CT_STR_LIT("image-processing"),
       .id = CT_STR_LIT("81"), .reason = CT_STR_LIT("SIGSEGV"))
VECTOR(CASUALTY, casualty,
       "92 12 85 01 c4 03 75 2d 31 02 c4 01 71 03 c4 02 38 31 04 c4 07 53 49 47 "
       "53 45 47 56 05 c4 09 23 30 20 78 0a 23 31 20 79",
       .runner = CT_STR_LIT("u-1"), .queue = CT_STR_LIT("q"), .id = CT_STR_LIT("81"),
       .reason = CT_STR_LIT("SIGSEGV"), .has_stack = true, .stack = CT_STR_LIT("#0 x\n#1 y"))
VECTOR(OBITUARY, obituary,
       "92 13 82 01 c4 03 75 2d 31 02 c4 13 6b 69 6c 6c 65 64 20 62 79 20 73 69 "
       "67 6e 61 6c 20 31 31",
       .runner = CT_STR_LIT("u-1"), .reason = CT_STR_LIT("killed by signal 11"))
VECTOR(ADD, add,
       "92 14 87 01 05 02 c4 01 71 03 c4 04 62 75 6c 6c 04 c4 06 62 75 6c 6c 6d "
       "71 05 c4 01 6e 06 c4 02 7b 7d 07 c4 0b 7b 22 64 65 6c 61 79 22 3a 35 7d",
       .request = 5, .queue = CT_STR_LIT("q"), .has_prefix = true, .prefix = CT_STR_LIT("bull"),
       .has_dialect = true, .dialect = CT_STR_LIT("bullmq"), .has_name = true,
       .name = CT_STR_LIT("n"), .has_data = true, .data = CT_STR_LIT("{}"), .has_opts = true,
       .opts = CT_STR_LIT("{\"delay\":5}"))
VECTOR(ADD, add,
       "92 14 82 01 05 02 c4 01 71",
       .request = 5, .queue = CT_STR_LIT("q"))
VECTOR(ADDED, added,
       "92 15 83 01 05 02 00 03 c4 02 38 32",
       .request = 5, .code = 0, .has_id = true, .id = CT_STR_LIT("82"))
VECTOR(ADDED, added,
       "92 15 83 01 05 02 12 04 c4 0d 52 65 64 69 73 20 69 73 20 61 77 61 79",
       .request = 5, .code = 18, .has_detail = true, .detail = CT_STR_LIT("Redis is away"))
VECTOR(BYE, bye,
       "92 16 81 01 c4 08 64 72 61 69 6e 69 6e 67",
       .has_reason = true, .reason = CT_STR_LIT("draining"))
VECTOR(BYE, bye,
       "92 16 80")
VECTOR(PING, ping,
       "92 17 81 01 ce de ad be ef",
       .nonce = 3735928559)
VECTOR(PONG, pong,
       "92 18 81 01 ce de ad be ef",
       .nonce = 3735928559)
VECTOR(STOP_JOB, stop_job,
       "92 19 85 01 03 02 c4 01 71 03 c4 04 62 75 6c 6c 04 c4 02 38 31 05 c4 07 "
       "62 79 20 68 61 6e 64",
       .request = 3, .queue = CT_STR_LIT("q"), .has_prefix = true, .prefix = CT_STR_LIT("bull"),
       .id = CT_STR_LIT("81"), .has_reason = true, .reason = CT_STR_LIT("by hand"))
VECTOR(STOP_JOB, stop_job,
       "92 19 83 01 03 02 c4 01 71 04 c4 02 38 31",
       .request = 3, .queue = CT_STR_LIT("q"), .id = CT_STR_LIT("81"))
VECTOR(DONE, done,
       "92 1a 84 01 03 02 00 03 c4 09 70 61 73 73 65 64 20 6f 6e 04 c4 02 5b 5d",
       .request = 3, .code = 0, .has_detail = true, .detail = CT_STR_LIT("passed on"),
       .has_value = true, .value = CT_STR_LIT("[]"))
VECTOR(DONE, done,
       "92 1a 82 01 ce 00 01 11 70 02 03",
       .request = 70000, .code = 3)
VECTOR(REPORT, report,
       "92 1b 81 01 c4 1b 7b 22 77 6f 72 6b 65 72 22 3a 22 75 2d 31 22 2c 22 70 "
       "6f 6f 6c 73 22 3a 5b 5d 7d",
       .state = CT_STR_LIT("{\"worker\":\"u-1\",\"pools\":[]}"))
VECTOR(FLEET, fleet,
       "92 1c 81 01 cc c8",
       .request = 200)
VECTOR(ORDER, order,
       "92 1d 85 01 04 02 c4 03 75 2d 31 03 c4 05 73 63 61 6c 65 04 c4 06 69 6d "
       "61 67 65 73 05 cd 01 2c",
       .request = 4, .worker = CT_STR_LIT("u-1"), .verb = CT_STR_LIT("scale"), .has_pool = true,
       .pool = CT_STR_LIT("images"), .has_count = true, .count = 300)
VECTOR(ORDER, order,
       "92 1d 83 01 04 02 c4 03 75 2d 31 03 c4 05 64 72 61 69 6e",
       .request = 4, .worker = CT_STR_LIT("u-1"), .verb = CT_STR_LIT("drain"))
VECTOR(WATCH, watch,
       "92 1e 83 01 c4 01 71 02 c4 03 61 70 70 03 c4 04 61 75 74 6f",
       .queue = CT_STR_LIT("q"), .has_prefix = true, .prefix = CT_STR_LIT("app"),
       .has_dialect = true, .dialect = CT_STR_LIT("auto"))
VECTOR(WATCH, watch,
       "92 1e 81 01 c4 01 71",
       .queue = CT_STR_LIT("q"))
VECTOR(BACKLOG, backlog,
       "92 1f 84 01 c4 01 71 02 c4 03 61 70 70 03 ce 00 0f 42 40 04 cd ff ff",
       .queue = CT_STR_LIT("q"), .has_prefix = true, .prefix = CT_STR_LIT("app"),
       .waiting = 1000000, .oldest_ms = 65535)
VECTOR(BACKLOG, backlog,
       "92 1f 83 01 c4 01 71 03 00 04 00",
       .queue = CT_STR_LIT("q"), .waiting = 0, .oldest_ms = 0)
VECTOR(CHILDREN, children,
       "92 20 85 01 07 02 09 03 01 04 cf 00 00 01 00 00 00 00 00 05 c4 05 62 3a "
       "71 3a 31",
       .request = 7, .lease = 9, .which = 1, .has_cursor = true, .cursor = 1099511627776,
       .has_key = true, .key = CT_STR_LIT("b:q:1"))
VECTOR(CHILDREN, children,
       "92 20 83 01 07 02 09 03 04",
       .request = 7, .lease = 9, .which = 4)
VECTOR(CHILD, child,
       "92 21 84 01 07 02 c4 05 62 3a 71 3a 31 03 c4 02 7b 7d 04 c2",
       .request = 7, .key = CT_STR_LIT("b:q:1"), .has_value = true, .value = CT_STR_LIT("{}"),
       .has_cut = true, .cut = false)
VECTOR(CHILD, child,
       "92 21 82 01 07 02 c4 01 6b",
       .request = 7, .key = CT_STR_LIT("k"))
VECTOR(CHILDREN_END, children_end,
       "92 22 84 01 07 02 05 03 cd 01 2c 04 c4 02 6e 6f",
       .request = 7, .code = 5, .has_cursor = true, .cursor = 300, .has_detail = true,
       .detail = CT_STR_LIT("no"))
VECTOR(CHILDREN_END, children_end,
       "92 22 82 01 07 02 00",
       .request = 7, .code = 0)
/* clang-format on */
VECTOR(CACHE_GET, cache_get, "92 23 83 01 07 02 c4 02 61 62 03 c4 03 78 0a 79", .request = 7,
       .key = CT_STR_LIT("ab"), .has_tags = true, .tags = CT_STR_LIT("x\ny"))
VECTOR(CACHE_GET, cache_get, "92 23 82 01 07 02 c4 02 61 62", .request = 7, .key = CT_STR_LIT("ab"))
VECTOR(CACHED, cached, "92 24 83 01 07 02 c4 01 2d 03 c4 02 7b 7d", .request = 7, .has_stamp = true,
       .stamp = CT_STR_LIT("-"), .has_value = true, .value = CT_STR_LIT("{}"))
VECTOR(CACHED, cached, "92 24 81 01 07", .request = 7)
VECTOR(CACHE_PUT, cache_put, "92 25 84 01 c4 02 61 62 02 c4 01 2d 03 c4 02 7b 7d 04 cd 03 e8",
       .key = CT_STR_LIT("ab"), .stamp = CT_STR_LIT("-"), .value = CT_STR_LIT("{}"), .ttl_ms = 1000)
