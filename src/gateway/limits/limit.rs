//! The limits of the gateway, by their names in metrics. `modelgate.limits` sets them, and `docs/reference/limits.md`
//! lists them.

/// The limit that a request or a connection reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Limit {
    Connections,
    Requests,
    Caller,
    Bodies,
    Header,
    HeaderTimeout,
    Token,
    Body,
    BodyTimeout,
    Depth,
    Idle,
    Write,
    UpstreamConnect,
    UpstreamFirstByte,
    UpstreamTotal,
}

impl Limit {
    pub(in crate::gateway) const ALL: [Self; 15] = [
        Self::Connections,
        Self::Requests,
        Self::Caller,
        Self::Bodies,
        Self::Header,
        Self::HeaderTimeout,
        Self::Token,
        Self::Body,
        Self::BodyTimeout,
        Self::Depth,
        Self::Idle,
        Self::Write,
        Self::UpstreamConnect,
        Self::UpstreamFirstByte,
        Self::UpstreamTotal,
    ];

    pub(in crate::gateway) fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::Caller => "caller",
            Self::Bodies => "bodies",
            Self::Header => "header",
            Self::HeaderTimeout => "header_timeout",
            Self::Token => "token",
            Self::Body => "body",
            Self::BodyTimeout => "body_timeout",
            Self::Depth => "depth",
            Self::Idle => "idle",
            Self::Write => "write",
            Self::UpstreamConnect => "upstream_connect",
            Self::UpstreamFirstByte => "upstream_first_byte",
            Self::UpstreamTotal => "upstream_total",
        }
    }
}
