//! Reads files that others may be writing.

use std::fmt::Display;

/// The number of attempts to read files that keep changing.
const READINGS: usize = 10;

/// Reads until nothing changed meanwhile. `None`: the files keep changing.
pub(crate) fn read_stable<T, E: Display>(
    mut read: impl FnMut() -> Result<T, E>,
    is_stable: impl Fn(&T) -> bool,
) -> Result<Option<T>, E> {
    let mut refused = None;
    for _ in 0..READINGS {
        match read() {
            Ok(candidate) if is_stable(&candidate) => return Ok(Some(candidate)),
            Ok(_) => refused = None,
            // The files may look invalid while they are being replaced, but not twice in the same way.
            Err(error) => {
                let said = error.to_string();
                if refused.replace(said.clone()) == Some(said) {
                    return Err(error);
                }
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_counts_if_it_stays() {
        let mut readings = [Err("half"), Ok(1)].into_iter();
        assert_eq!(read_stable(|| readings.next().unwrap(), |_| true), Ok(Some(1)));
        assert_eq!(read_stable(|| Err::<(), _>("broken"), |()| true), Err("broken"));
    }

    #[test]
    fn files_that_keep_changing_are_not_read_forever() {
        let mut read = 0;
        let unsettled = read_stable(
            || {
                read += 1;
                Ok::<_, String>(read)
            },
            |_| false,
        );
        assert_eq!((unsettled, read), (Ok(None), READINGS));
    }
}
