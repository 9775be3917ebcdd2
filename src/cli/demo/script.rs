//! Prints the steps of the demo as commands to paste into another terminal.

use super::session::Demo;
use super::steps;

/// The address of the console, and the steps of the demo as shell commands, each with its purpose.
pub(super) fn script(demo: &Demo, console: &str) -> miette::Result<String> {
    let (address, files) = (demo.address, &demo.files);
    let token = |roles: &[&str]| demo.provider.token(roles).map_err(crate::cli::output::failed);
    let chat = |model: &str, extra: &str| {
        format!(
            "curl -sN -w '\\n' http://{address}/v1/chat/completions -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/json' \\\n  \
             -d '{{\"model\": \"{model}\"{extra}, \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
        )
    };
    let list = |token: &str| {
        format!("curl -s -w '\\n' http://{address}/v1/models -H \"Authorization: Bearer ${token}\"")
    };
    Ok(format!(
        "# The console: {console}/ (open it in a browser)\n\
         # modelgate runs examples/azure-ad.yaml on http://{address}\n\
         # Paste these into another terminal, one step at a time. The tokens are good for an hour.\n\
         # `modelgate demo --tour` sends these requests itself and explains each answer.\n\n\
         export TOKEN={basic}\n\
         export OTHER_TOKEN={other}\n\n\
         # 1. Allowed (200): the role `basic_user` may use this model.\n{allowed}\n\n\
         # 2. Denied (403): the role may not use this model.\n{denied}\n\n\
         # 3. A streamed answer passes as it comes, word by word.\n{streamed}\n\n\
         # 4. The list has the models that the caller may use, and no others.\n{listed}\n\n\
         # 5. Denied (403): this token does not have the role. Refused (401): no token at all.\n\
         {outside}\n\
         curl -si http://{address}/v1/models\n\n\
         # 6. Rules change while the gateway runs. Write a policy, and send the first request again: 403, with this reason.\n\
         echo '{closing}' > {policy}\n\n\
         # 7. Break the policy. The rules of before still hold, and the gateway's terminal shows where the mistake is.\n\
         echo 'forbid (principal' > {policy}\n\n\
         # 8. The configuration is in the same directory: {config}\n",
        policy = files.policy().display(),
        config = files.config().display(),
        basic = token(&[steps::ROLE])?,
        other = token(&[steps::OTHER_ROLE])?,
        allowed = chat(steps::ALLOWED, ""),
        denied = chat(steps::DENIED, ""),
        streamed = chat(steps::ALLOWED, ", \"stream\": true"),
        listed = list("TOKEN"),
        outside = list("OTHER_TOKEN"),
        closing = steps::CLOSING.trim_end(),
    ))
}
