//! Where this server answers otherwise than the original, on purpose.

/// What differs for one reason.
pub(super) struct Difference {
    #[expect(dead_code, reason = "it is written for whoever reads the table")]
    pub(super) reason: &'static str,
    /// What the recordings have, and what is found in its place.
    pub(super) found: &'static [&'static str],
}

pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "A slash after a path changes nothing, so nobody is sent elsewhere.",
        found: &["rest_auth, trailing slash redirects: status: 307, and here 200"],
    },
    Difference {
        reason: "Addresses are the same in upper and lower case: two accounts would be taken for one.",
        found: &[
            "rest_auth, domain is lower-cased, local part kept: body.email: \"A-RUN@example.com\", and here \"a-run@example.com\"",
            "rest_auth, domain is lower-cased, local part kept: body.user_id: \"<id:3>\", and here \"<id:1>\"",
            "rest_auth, domain is lower-cased, local part kept: body.workspaces[0].id: \"<id:4>\", and here \"<id:2>\"",
        ],
    },
    Difference {
        reason: "A path that belongs to no dialect is answered as all of the product's own are.",
        found: &[
            "rest_auth, unknown path: content-type: application/json, and here application/problem+json",
        ],
    },
    Difference {
        reason: "What is to belong to nobody that exists would be lost.",
        found: &[
            "rest_workspace, unknown owner is accepted: status: 200, and here 404",
            "rest_models, unknown user is accepted: status: 200, and here 404",
            "rest_chat, unknown user and workspace accepted: status: 200, and here 404",
        ],
    },
    Difference {
        reason: "What failed in the original works here.",
        found: &[
            "rest_chat, same file in a second chat: status: 500, and here 200",
            "rest_file, front-end upload to workspace (no s3_urls): status: 500, and here 200",
            "rest_file, chat upload without s3_urls: status: 500, and here 200",
            "cors, 500 carries none: status: 500, and here 200",
        ],
    },
    Difference {
        reason: "Of a path that is given as a name, the last component is the name.",
        found: &[
            "rest_file, slash in file name: status: 500, and here 200",
            "rest_file, rename to a path: status: 500, and here 200",
            "ws_files: closed 1006, and here file_uploaded",
        ],
    },
    Difference {
        reason: "The addresses that answers show for files lead to them.",
        found: &["rest_file, stored file is not served: status: 404, and here 200"],
    },
    Difference {
        reason: "A preflight has no body.",
        found: &[
            "cors, preflight POST: status: 200, and here 204",
            "cors, preflight PATCH: status: 200, and here 204",
            "cors, preflight DELETE: status: 200, and here 204",
        ],
    },
    Difference {
        reason: "An origin that may read is echoed, so that no other may.",
        found: &[
            "cors, actual request: access-control-allow-origin: *, and here http://127.0.0.1:3000",
            "cors, 404 carries CORS: access-control-allow-origin: *, and here http://127.0.0.1:3000",
            "cors, 422 carries CORS: access-control-allow-origin: *, and here http://127.0.0.1:3000",
        ],
    },
    Difference {
        reason: "No frame ends a connection that keeps to the protocol, and nothing is lost.",
        found: &[
            "ws_basics: closed 1006, and here Echo: 5",
            "ws_basics: closed 1006, and here Echo: \"action\"",
            "ws_basics: closed 1006, and here an error",
            "ws_basics.conversation: 0 entries, and here 2",
            "ws_basics.conversation: 0 entries, and here 4",
        ],
    },
    Difference {
        reason: "A `.based` file that was uploaded by hand is its own first version.",
        found: &[
            "ws_files.chat_files_based[0].latest_content: \"\", and here \"loop:\\n\"",
            "ws_files.chat_files_based[0].versions: 0 entries, and here 1",
            "ws_files.chat_files[1].content: \"\", and here \"loop:\\n\"",
        ],
    },
    Difference {
        reason: "What is no base64 is refused and does not become an empty file.",
        found: &[
            "ws_files.action: \"file_uploaded\", and here nothing",
            "ws_files.message: {\"content\":\"{\\\"file_id\\\": \\\"<id:8>\\\", \\\"filename\\\": \\\"x.txt\\\", \\\"path\\\": \\\"uploads/files/<id:8>_x.txt\\\"}\",\"role\":\"user\",\"type\":\"file\"}, and here nothing",
            "ws_files.conversation: 5 entries, and here 4",
            "ws_files.chat_files: 3 entries, and here 2",
        ],
    },
    Difference {
        reason: "Clients show the first file, so the one changed last stands there.",
        found: &[
            "ws_agent.chat_files_based[0].file_id: \"<id:8>\", and here \"<id:9>\"",
            "ws_agent.chat_files_based[0].latest_content: \"loop:\\n\\tres = talk(\\\"You help the user with agent. Leave when the user names a city.\\\", True)\\nuntil \\\"the user names a city\\\":\\n\\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\", and here \"loop:\\n\\tres = talk(\\\"You help the user with two. Leave when the user names a city.\\\", True)\\nuntil \\\"the user names a city\\\":\\n\\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\"",
            "ws_agent.chat_files_based[0].name: \"agent.based\", and here \"two.based\"",
            "ws_agent.chat_files_based[1].file_id: \"<id:9>\", and here \"<id:8>\"",
            "ws_agent.chat_files_based[1].latest_content: \"loop:\\n\\tres = talk(\\\"You help the user with two. Leave when the user names a city.\\\", True)\\nuntil \\\"the user names a city\\\":\\n\\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\", and here \"loop:\\n\\tres = talk(\\\"You help the user with agent. Leave when the user names a city.\\\", True)\\nuntil \\\"the user names a city\\\":\\n\\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\"",
            "ws_agent.chat_files_based[1].name: \"two.based\", and here \"agent.based\"",
        ],
    },
    Difference {
        reason: "The conversation holds the whole text of a changed file, because clients load it from there into their \
                 editor; the diff stands beside it.",
        found: &[
            "ws_agent.conversation[10].content.based_content: \"--- agent.based\\n+++ agent.based\\n@@ -4,0 +5,1 @@\\n+\\tsay(\\\"bye\\\", exact=True)\\n\", and here \"loop:\\n\\tres = talk(\\\"You help politely. Leave when the user names a city.\\\", True)\\nuntil \\\"the user names a city\\\":\\n\\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\\tsay(\\\"bye\\\", exact=True)\\n\"",
            "ws_agent.conversation[8].content.based_content: \"--- weather.based\\n+++ weather.based\\n@@ -1,4 +1,4 @@\\n loop:\\n-\\tres = talk(\\\"You help the user with weather. Leave when the user names a city.\\\", True)\\n+\\tres = talk(\\\"You help politely. Leave when the user names a city.\\\", True)\\n until \\\"the user names a city\\\":\\n \\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\", and here \"loop:\\n\\tres = talk(\\\"You help politely. Leave when the user names a city.\\\", True)\\nuntil \\\"the user names a city\\\":\\n\\tcity = res.ask(question=\\\"Return the city the user named.\\\", example={\\\"city\\\": \\\"Oslo\\\"})\\n\"",
        ],
    },
];
