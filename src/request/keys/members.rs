//! The meaning of JSON body members: one table, by key, for every API.
//!
//! A key outside this table counts too. If it names a model by its form (see [`naming`](super::naming)), its value is
//! judged, and its inner values are examined in turn. Callers fill only these members freely: [`Member::Free`],
//! [`Member::Said`], [`Member::Metadata`] and [`Member::Schema`].

use super::table::Keys;

/// The meaning of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Member {
    /// The requested model at the top level; elsewhere an additional model.
    Model,
    /// Additional models: names, and lists and objects of them.
    Names,
    /// Additional models: the values of an object.
    NameMap,
    /// Refers to a model indirectly, such as an assistant.
    Reference,
    /// Selects deployments regardless of their names, so it is refused.
    Chooses,
    /// The address of an upstream, which callers must not choose.
    Address,
    /// Deployments. Each model in them counts. Addresses and keys are refused in them.
    Deployments,
    /// Settings in another object, which some API reads like those at the top level.
    Settings,
    /// Members that LiteLLM adds to the request that it sends.
    ExtraBody,
    /// The caller's own notes. LiteLLM reads fallbacks there.
    Metadata,
    /// Free content of the caller. No API looks for a model in it.
    Free,
    /// The same within a tool.
    Schema,
    /// Content for the model.
    Said,
    /// Content for the model if it is a list; settings if it is an object.
    Input,
    /// Content for the model, or a stored prompt by its id.
    Prompt,
    Stream,
    MaxTokens,
    N,
    Temperature,
    /// A list of tools.
    Tools,
    /// A tool that this member alone offers.
    Offer,
    Image,
    Audio,
    /// Whether text, images or audio are requested.
    Modalities,
}

impl Member {
    /// Whether keys that some reader treats as this one, such as in another case, are refused at the top level.
    pub(in crate::request) fn has_one_spelling(self) -> bool {
        !matches!(
            self,
            Self::Free
                | Self::Schema
                | Self::Said
                | Self::Input
                | Self::Prompt
                | Self::Settings
                | Self::Metadata
        ) && !matches!(self, Self::Reference | Self::Image | Self::Audio | Self::Modalities)
    }

    /// Whether the member says how a model is used.
    pub(in crate::request) fn is_usage(self) -> bool {
        matches!(self, Self::Stream | Self::Tools | Self::MaxTokens | Self::N | Self::Temperature)
    }

    /// Whether only LiteLLM knows this member.
    pub(in crate::request) fn is_litellms(self) -> bool {
        matches!(self, Self::NameMap | Self::Chooses | Self::Address | Self::Deployments)
    }
}

/// Every known member by its key.
pub(in crate::request) static MEMBERS: Keys<Member, 114> = Keys::new([
    ("model", Member::Model),
    ("models", Member::Names),
    ("fallbacks", Member::Names),
    ("context_window_fallbacks", Member::Names),
    ("content_policy_fallbacks", Member::Names),
    ("context_window_fallback_dict", Member::NameMap),
    ("model_alias_map", Member::NameMap),
    ("model_group_alias", Member::NameMap),
    ("prompt_id", Member::Reference),
    ("assistant_id", Member::Reference),
    ("agent", Member::Reference),
    ("agent_id", Member::Reference),
    // OpenAI's batches run the models of the file's lines, whatever `model` stands beside it.
    ("input_file_id", Member::Reference),
    ("preset", Member::Reference),
    ("workflow", Member::Reference),
    ("cachedContent", Member::Reference),
    ("cached_content", Member::Reference),
    ("router_settings_override", Member::Chooses),
    ("model_info", Member::Chooses),
    ("api_base", Member::Address),
    ("base_url", Member::Address),
    ("user_config", Member::Deployments),
    ("model_list", Member::Deployments),
    ("litellm_params", Member::Deployments),
    ("litellm_embedding_config", Member::Deployments),
    ("extra_body", Member::ExtraBody),
    ("metadata", Member::Metadata),
    ("litellm_metadata", Member::Metadata),
    // From Google, Bedrock, Ollama, Hugging Face, batches, and WebSocket events.
    ("generationConfig", Member::Settings),
    ("generation_config", Member::Settings),
    ("config", Member::Settings),
    ("generateContentRequest", Member::Settings),
    ("inferenceConfig", Member::Settings),
    ("textGenerationConfig", Member::Settings),
    ("additionalModelRequestFields", Member::Settings),
    ("options", Member::Settings),
    ("params", Member::Settings),
    ("request", Member::Settings),
    ("requests", Member::Settings),
    ("body", Member::Settings),
    ("session", Member::Settings),
    ("response", Member::Settings),
    ("setup", Member::Settings),
    ("sampling_params", Member::Settings),
    ("json_schema", Member::Free),
    ("schema", Member::Free),
    ("responseSchema", Member::Free),
    ("response_schema", Member::Free),
    ("responseJsonSchema", Member::Free),
    ("response_json_schema", Member::Free),
    ("item_schema", Member::Free),
    ("guided_json", Member::Free),
    ("properties", Member::Free),
    ("arguments", Member::Free),
    ("documents", Member::Free),
    ("logit_bias", Member::Free),
    ("stop", Member::Free),
    ("stop_sequences", Member::Free),
    ("stopSequences", Member::Free),
    ("prompt_variables", Member::Free),
    ("parameters", Member::Schema),
    ("parametersJsonSchema", Member::Schema),
    ("input_schema", Member::Schema),
    ("inputSchema", Member::Schema),
    ("output_schema", Member::Schema),
    ("messages", Member::Said),
    ("input", Member::Input),
    ("inputs", Member::Input),
    ("contents", Member::Said),
    ("content", Member::Said),
    ("system", Member::Said),
    ("systemInstruction", Member::Said),
    ("system_instruction", Member::Said),
    ("instances", Member::Said),
    ("item", Member::Said),
    ("items", Member::Said),
    ("clientContent", Member::Said),
    ("client_content", Member::Said),
    ("realtimeInput", Member::Said),
    ("realtime_input", Member::Said),
    ("toolResponse", Member::Said),
    ("tool_response", Member::Said),
    ("chat_history", Member::Said),
    ("additional_messages", Member::Said),
    ("prompt", Member::Prompt),
    ("stream", Member::Stream),
    ("max_tokens", Member::MaxTokens),
    ("max_completion_tokens", Member::MaxTokens),
    ("max_output_tokens", Member::MaxTokens),
    ("max_response_output_tokens", Member::MaxTokens),
    ("max_tokens_to_sample", Member::MaxTokens),
    ("max_new_tokens", Member::MaxTokens),
    ("max_gen_len", Member::MaxTokens),
    ("maxOutputTokens", Member::MaxTokens),
    ("maxTokens", Member::MaxTokens),
    ("maxTokenCount", Member::MaxTokens),
    ("num_predict", Member::MaxTokens),
    ("n", Member::N),
    ("best_of", Member::N),
    ("candidateCount", Member::N),
    ("candidate_count", Member::N),
    ("temperature", Member::Temperature),
    ("tools", Member::Tools),
    ("functions", Member::Tools),
    ("mcp_servers", Member::Tools),
    ("plugins", Member::Tools),
    ("web_search_options", Member::Offer),
    ("search_parameters", Member::Offer),
    ("image", Member::Image),
    ("images", Member::Image),
    ("audio", Member::Audio),
    ("modalities", Member::Modalities),
    ("responseModalities", Member::Modalities),
    ("response_modalities", Member::Modalities),
]);

/// The meaning of a member of a message, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Part {
    /// Its value is the kind of its part, or the type of its data.
    Kind,
    Image,
    Audio,
    /// A list of tools, which may occur within a conversation.
    Tools,
    /// Arguments and results of tools, and notes.
    Free,
}

/// Every member of a message that affects the decision. Only the tools of a message can name a model.
pub(in crate::request) static PARTS: Keys<Part, 20> = Keys::new([
    ("type", Part::Kind),
    ("mimeType", Part::Kind),
    ("mime_type", Part::Kind),
    ("media_type", Part::Kind),
    ("mediaType", Part::Kind),
    ("image", Part::Image),
    ("images", Part::Image),
    ("image_url", Part::Image),
    ("imageUrl", Part::Image),
    ("input_image", Part::Image),
    ("audio", Part::Audio),
    ("input_audio", Part::Audio),
    ("tools", Part::Tools),
    ("arguments", Part::Free),
    ("args", Part::Free),
    ("input", Part::Free),
    ("response", Part::Free),
    ("parameters", Part::Free),
    ("json", Part::Free),
    ("metadata", Part::Free),
]);

/// Whether LiteLLM reads a model, or a choice of one, from this member of `metadata`. `model` itself is a note there.
pub(in crate::request) fn counts_in_metadata(key: &str) -> bool {
    const READ: [&str; 6] = [
        "model_group",
        "model_info",
        "deployment",
        "deployment_id",
        "deployment_model_name",
        "specific_deployment",
    ];
    key.to_ascii_lowercase().contains("fallback") || READ.iter().any(|read| read.eq_ignore_ascii_case(key))
}
