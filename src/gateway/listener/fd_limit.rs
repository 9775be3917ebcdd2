//! The limit of file descriptors. With the system's default limit, descriptors run out before anything else.

/// Reserved for files, listeners, key sets, the decision log, operators and refused connections.
const RESERVED: usize = 128;

/// The number of connections that the descriptors allow, each with one upstream connection. It is unlimited if the
/// system does not report a limit.
pub(in crate::gateway) fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    open_files(&limits).map_or(usize::MAX, |files| (files.saturating_sub(RESERVED) / 2).max(1))
}

/// The soft limit in Linux's format.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63432                63432                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(
            open_files("Max open files            unlimited            unlimited            files"),
            None
        );
        assert_eq!(open_files(""), None);
    }
}
