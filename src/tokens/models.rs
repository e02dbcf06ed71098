//! Which tokenizer counts for which model name.
//!
//! Names come as LiteLLM takes them: `gpt-4o`, `azure/eu/gpt-4o`, `ft:gpt-4o-mini:org::id`,
//! `bedrock/us-east-1/us.anthropic.claude-3-5-sonnet-20240620-v1:0`, `openrouter/qwen/qwen3-32b`,
//! `ollama/llama3:8b`. An OpenAI model counts exactly, by the table of tiktoken; others are known by
//! their family's name anywhere in theirs; a name nobody knows is an estimate. There is no error:
//! every string is the name of some model.

use super::families::{self as family, Tokenizer};

/// Names of at most this many bytes are looked at; what is longer was not meant as a name.
const NAME_LIMIT: usize = 512;

/// OpenAI's models: a name that begins so, and then ends or goes on with no letter or digit, has this
/// tokenizer. The first that fits counts. As in tiktoken's own table, and the aliases providers use.
const OPENAI: &[(&str, &Tokenizer)] = &[
    ("gpt-oss", &family::O200K_HARMONY),
    ("gpt-5", &family::O200K_BASE),
    ("gpt-4.5", &family::O200K_BASE),
    ("gpt-4.1", &family::O200K_BASE),
    ("gpt-4o", &family::O200K_BASE),
    ("gpt-4-o", &family::O200K_BASE),
    ("chatgpt-4o", &family::O200K_BASE),
    ("codex-mini", &family::O200K_BASE),
    ("o1", &family::O200K_BASE),
    ("o3", &family::O200K_BASE),
    ("o4-mini", &family::O200K_BASE),
    ("gpt-4", &family::CL100K_BASE),
    ("gpt-3.5", &family::CL100K_BASE),
    ("gpt-35", &family::CL100K_BASE),
    ("text-embedding-3-small", &family::CL100K_BASE),
    ("text-embedding-3-large", &family::CL100K_BASE),
    ("text-embedding-ada-002", &family::CL100K_BASE),
    ("davinci-002", &family::CL100K_BASE),
    ("babbage-002", &family::CL100K_BASE),
    ("text-davinci-003", &family::P50K_BASE),
    ("text-davinci-002", &family::P50K_BASE),
    ("text-davinci-edit", &family::P50K_EDIT),
    ("code-davinci-edit", &family::P50K_EDIT),
    ("code-davinci", &family::P50K_BASE),
    ("code-cushman", &family::P50K_BASE),
    ("davinci-codex", &family::P50K_BASE),
    ("cushman-codex", &family::P50K_BASE),
    ("text-davinci-001", &family::R50K_BASE),
    ("text-curie-001", &family::R50K_BASE),
    ("text-babbage-001", &family::R50K_BASE),
    ("text-ada-001", &family::R50K_BASE),
    ("text-similarity", &family::R50K_BASE),
    ("text-search", &family::R50K_BASE),
    ("code-search", &family::R50K_BASE),
    ("gpt2", &family::GPT2),
    ("gpt-2", &family::GPT2),
];

/// OpenAI's first models, whose names are words: only the very name.
const OPENAI_WORDS: &[&str] = &["davinci", "curie", "babbage", "ada"];

/// Prefixes that providers put before a model's name with a dash.
const VENDOR_DASHES: &[&str] = &["databricks-", "openai-"];

/// Providers named after a family whose models need not be of it.
const LLAMA_SERVERS: &[&str] = &["ollama", "ollama_chat", "llamafile", "llamagate"];

/// Families by a part of the name; the first that fits counts, so the narrower come first.
const FAMILIES: &[(&str, &Tokenizer)] = &[
    // What a model was distilled into has the tokenizer, not what it was distilled from.
    ("distill-llama", &family::LLAMA_3),
    ("distill-qwen", &family::QWEN),
    ("r1-0528-qwen3", &family::QWEN),
    ("gemini", &family::GEMINI),
    ("gemma", &family::GEMINI),
    ("learnlm", &family::GEMINI),
    ("deepseek", &family::DEEPSEEK),
    ("qwen", &family::QWEN),
    ("qwq", &family::QWEN),
    ("qvq", &family::QWEN),
    ("kimi", &family::KIMI),
    ("moonshot", &family::KIMI),
    ("glm", &family::GLM),
    ("llama-4", &family::LLAMA_4),
    ("llama4", &family::LLAMA_4),
    ("llama-guard-4", &family::LLAMA_4),
    ("llama-2", &family::LLAMA_2),
    ("llama2", &family::LLAMA_2),
    ("codellama", &family::LLAMA_2),
    ("code-llama", &family::LLAMA_2),
    ("tinyllama", &family::LLAMA_2),
    ("vicuna", &family::LLAMA_2),
    ("mythomax", &family::LLAMA_2),
    ("llama", &family::LLAMA_3),
    ("phi-4", &family::LLAMA_3),
    ("phi4", &family::LLAMA_3),
    ("olmo", &family::LLAMA_3),
    ("dbrx", &family::LLAMA_3),
    ("phi-3", &family::LLAMA_2),
    ("phi3", &family::LLAMA_2),
    ("mixtral", &family::LLAMA_2),
    ("mistral-7b", &family::LLAMA_2),
    ("zephyr-7b", &family::LLAMA_2),
    ("mistral-tiny", &family::LLAMA_2),
    ("mistral", &family::MISTRAL),
    ("ministral", &family::MISTRAL),
    ("codestral", &family::MISTRAL),
    ("devstral", &family::MISTRAL),
    ("magistral", &family::MISTRAL),
    ("pixtral", &family::MISTRAL),
    ("voxtral", &family::MISTRAL),
    ("cohere", &family::COHERE),
    ("command-", &family::COHERE),
    ("c4ai", &family::COHERE),
    ("aya-", &family::COHERE),
];

/// The tokenizer of a model by its name.
pub(super) fn resolve(model: &str) -> &'static Tokenizer {
    let name = model.trim();
    if name.len() > NAME_LIMIT {
        return &family::UNKNOWN;
    }
    let name = name.to_ascii_lowercase();
    let own = own_name(&name);
    if let Some(tokenizer) = openai(own) {
        return tokenizer;
    }
    if let Some(behind) = name.split("claude").nth(1) {
        return claude(behind);
    }
    // By its own name first: the provider before it may be named after another family, and those
    // in LLAMA_SERVERS serve any.
    let served = match name.split_once('/') {
        Some((provider, rest)) if LLAMA_SERVERS.contains(&provider) => rest,
        _ => name.as_str(),
    };
    for part in [own, served] {
        if let Some((_, tokenizer)) = FAMILIES.iter().find(|(family, _)| part.contains(family)) {
            return tokenizer;
        }
    }
    &family::UNKNOWN
}

/// A model's own name: behind provider, region, vendor and `ft:`; of a fine-tuned model, its base's.
fn own_name(name: &str) -> &str {
    let mut own = name.rsplit('/').next().unwrap_or(name);
    if let Some(tuned) = own.strip_prefix("ft:") {
        return tuned.split(':').next().unwrap_or(tuned);
    }
    // `us.anthropic.` goes, `gpt-3.` stays: vendors and regions have no digits.
    while let Some((vendor, rest)) = own.split_once('.') {
        if vendor.is_empty() || !vendor.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            break;
        }
        own = rest;
    }
    for vendor in VENDOR_DASHES {
        own = own.strip_prefix(vendor).unwrap_or(own);
    }
    own
}

fn openai(own: &str) -> Option<&'static Tokenizer> {
    if OPENAI_WORDS.contains(&own) {
        return Some(&family::R50K_BASE);
    }
    let begins = |prefix: &str| {
        own.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    OPENAI.iter().find(|(prefix, _)| begins(prefix)).map(|&(_, tokenizer)| tokenizer)
}

/// The tokenizer of a Claude model by what stands behind "claude" in its name: the version is the
/// first number, with a second one behind it if that is no date (`-4-7`, `-3.5`, `-4-20250514`).
fn claude(behind: &str) -> &'static Tokenizer {
    let mut numbers = behind
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse::<u32>().unwrap_or(u32::MAX));
    let is_version = |number: &u32| *number < 100;
    let Some(major) = numbers.next().filter(is_version) else {
        return if behind.contains("instant") {
            &family::CLAUDE_2
        } else if behind.contains("mythos") {
            &family::CLAUDE_4_7
        } else {
            &family::CLAUDE_3
        };
    };
    let minor = numbers.next().filter(is_version).unwrap_or(0);
    match (major, minor) {
        _ if behind.contains("instant") => &family::CLAUDE_2,
        (..3, _) => &family::CLAUDE_2,
        (3, _) | (4, ..7) => &family::CLAUDE_3,
        _ => &family::CLAUDE_4_7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_names(tokenizer: &'static Tokenizer, names: &[&str]) {
        for name in names {
            assert!(std::ptr::eq(resolve(name), tokenizer), "{name}: {}", resolve(name).name);
        }
    }

    #[test]
    fn openai_models_count_exactly_whoever_serves_them() {
        assert_names(
            &family::O200K_BASE,
            &[
                "gpt-4o",
                "gpt-5",
                "gpt-5.4-mini",
                "o1",
                "o3-deep-research",
                "o4-mini-2025-04-16",
                "chatgpt-4o-latest",
                "azure/gpt-4o",
                "azure/eu/gpt-4o-2024-08-06",
                "openrouter/openai/gpt-5-codex",
                "ft:gpt-4o-mini-2024-07-18:org::id",
                "databricks/databricks-gpt-5-1",
                "clarifai/openai.chat-completion.gpt-4o",
                "us.openai.gpt-5.5",
                "GPT-4O",
                "gradient_ai/openai-gpt-4o",
                "gpt-5_future",
                "github_copilot/gpt-4.1",
            ],
        );
        assert_names(
            &family::O200K_HARMONY,
            &[
                "gpt-oss-120b",
                "groq/openai/gpt-oss-20b",
                "ollama/gpt-oss:20b-cloud",
                "us-gov.openai.gpt-oss-20b-1:0",
                "fireworks_ai/accounts/fireworks/models/gpt-oss-120b",
            ],
        );
        assert_names(
            &family::CL100K_BASE,
            &[
                "gpt-4",
                "gpt-4-turbo",
                "gpt-4-32k-0613",
                "gpt-3.5-turbo",
                "azure/gpt-35-turbo-16k",
                "ft:gpt-3.5-turbo:my-org:name:id",
                "text-embedding-3-small",
                "davinci-002",
                "ft:babbage-002",
            ],
        );
        assert_names(&family::P50K_BASE, &["text-davinci-003", "code-davinci-002"]);
        assert_names(&family::P50K_EDIT, &["text-davinci-edit-001"]);
        assert_names(&family::R50K_BASE, &["davinci", "text-ada-001"]);
        assert_names(&family::GPT2, &["gpt2", "gpt-2"]);
    }

    #[test]
    fn the_table_is_that_of_the_tokenizer_of_record() {
        use tiktoken_rs::tokenizer::{Tokenizer as Record, get_tokenizer};
        for name in [
            "gpt-4o",
            "gpt-4o-2024-05-13",
            "gpt-4",
            "gpt-4-0314",
            "gpt-4.1",
            "gpt-4.1-mini",
            "gpt-4.5-preview",
            "gpt-3.5-turbo-0301",
            "gpt-3.5",
            "gpt-35-turbo",
            "gpt-5-nano",
            "o1-preview",
            "o3-mini",
            "o4-mini",
            "gpt-oss-20b",
            "codex-mini-latest",
            "text-embedding-ada-002",
            "davinci-002",
            "babbage-002",
            "text-davinci-003",
            "text-davinci-002",
            "text-davinci-001",
            "text-curie-001",
            "text-babbage-001",
            "text-ada-001",
            "davinci",
            "curie",
            "babbage",
            "ada",
            "code-davinci-002",
            "code-davinci-001",
            "code-cushman-002",
            "davinci-codex",
            "cushman-codex",
            "text-davinci-edit-001",
            "code-davinci-edit-001",
            "text-similarity-curie-001",
            "text-search-ada-doc-001",
            "code-search-ada-code-001",
            "gpt2",
            "gpt-2",
            "ft:gpt-4o:org:name:id",
        ] {
            let expected = match get_tokenizer(name).unwrap_or(Record::Gpt2) {
                Record::O200kBase => &family::O200K_BASE,
                Record::O200kHarmony => &family::O200K_HARMONY,
                Record::Cl100kBase => &family::CL100K_BASE,
                Record::P50kBase => &family::P50K_BASE,
                Record::P50kEdit => &family::P50K_EDIT,
                Record::R50kBase => &family::R50K_BASE,
                Record::Gpt2 => &family::GPT2,
            };
            assert_names(expected, &[name]);
        }
    }

    #[test]
    fn claude_goes_by_its_version() {
        assert_names(
            &family::CLAUDE_3,
            &[
                "bedrock/claude-sonnet",
                "claude-3-5-sonnet-20241022",
                "anthropic/claude-3.7-sonnet",
                "claude-opus-4-20250514",
                "claude-sonnet-4-6",
                "claude-4.5-haiku",
                "bedrock/us-east-1/us.anthropic.claude-3-5-sonnet-20240620-v1:0",
                "vertex_ai/claude-haiku-4-5@20251001",
                "openrouter/anthropic/claude-opus-4.6",
                "claude-opus-4-6-20260205",
                "clarifai/anthropic.completion.claude-3_5-haiku",
                "databricks/databricks-claude-sonnet-4",
            ],
        );
        assert_names(
            &family::CLAUDE_4_7,
            &[
                "claude-opus-4-7",
                "claude-opus-4-7@default",
                "claude-opus-4.8-fast",
                "claude-sonnet-5",
                "eu.anthropic.claude-fable-5-1",
                "claude-mythos-preview",
            ],
        );
        assert_names(
            &family::CLAUDE_2,
            &["claude-2.1", "anthropic.claude-v2:1", "claude-instant-v1", "claude-instant-1.2"],
        );
    }

    #[test]
    fn other_families_go_by_their_names() {
        assert_names(
            &family::GEMINI,
            &["gemini/gemini-2.5-pro", "vertex_ai/gemini-3-flash", "ollama/gemma3:12b"],
        );
        assert_names(
            &family::LLAMA_3,
            &[
                "groq/llama-3.3-70b-versatile",
                "meta.llama3-1-8b-instruct-v1:0",
                "ollama/llama3",
                "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
                "azure_ai/Phi-4",
            ],
        );
        assert_names(
            &family::LLAMA_4,
            &["meta_llama/Llama-4-Scout-17B", "us.meta.llama4-maverick-17b-instruct-v1:0"],
        );
        assert_names(
            &family::LLAMA_2,
            &[
                "replicate/meta/llama-2-70b-chat",
                "ollama/codellama",
                "groq/mixtral-8x7b-32768",
                "mistral.mistral-7b-instruct-v0:2",
            ],
        );
        assert_names(
            &family::MISTRAL,
            &[
                "mistral/mistral-large-latest",
                "codestral/codestral-latest",
                "mistral/devstral-medium-2507",
                "mistral.ministral-3-8b",
            ],
        );
        assert_names(
            &family::QWEN,
            &[
                "dashscope/qwen-max",
                "openrouter/qwen/qwen3-coder",
                "groq/deepseek-r1-distill-qwen-32b",
                "Qwen/QwQ-32B",
            ],
        );
        assert_names(&family::DEEPSEEK, &["deepseek/deepseek-chat", "bedrock/us.deepseek.r1-v1:0"]);
        assert_names(&family::KIMI, &["moonshot/kimi-k2", "moonshot/moonshot-v1-8k"]);
        assert_names(&family::GLM, &["zai/glm-4.6", "openrouter/z-ai/glm-4.5-air"]);
        assert_names(
            &family::COHERE,
            &["command-r-plus", "cohere_chat/command-a-03-2025", "cohere.command-r-v1:0"],
        );
    }

    #[test]
    fn any_other_name_is_an_estimate() {
        assert_names(
            &family::UNKNOWN,
            &[
                "",
                " ",
                "/",
                "a/b/c",
                "ollama/starcoder",
                "ollama_chat/x/y",
                "xai/grok-4",
                "us.amazon.nova-pro-v1:0",
                "azure/my-deployment",
                "gpt-6-sol",
                "o12",
                "o4",
                "gpt-4all",
                "ada-lovelace",
                "ft:",
                "..",
                "名前",
            ],
        );
        assert_names(&family::UNKNOWN, &["gpt-4o".repeat(1000).as_str()]);
    }
}
