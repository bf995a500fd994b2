//! Bytes on their way from one side to the other: one buffer, filled when empty.

use std::io;

/// How many bytes are carried at a time.
const SIZE: usize = 16 * 1024;

/// One direction.
#[derive(Debug)]
pub struct Way {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Nothing more will come.
    pub ended: bool,
    /// Bytes carried so far.
    pub carried: u64,
}

impl Default for Way {
    fn default() -> Self {
        Way { buffer: vec![0; SIZE].into_boxed_slice(), start: 0, end: 0, ended: false, carried: 0 }
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes moved.
    Moved,
    /// Nothing to read, or no room to write.
    Waiting,
    /// The input is at its end.
    Ended,
    /// The side read from, or written to, is gone.
    Gone,
}

impl Way {
    /// Whether bytes are held that the other side has not taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads into the empty buffer. [`Step::Ended`] when the input is at its end.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> Step {
        match read(&mut self.buffer) {
            Ok(0) => {
                self.ended = true;
                Step::Ended
            }
            Ok(n) => {
                (self.start, self.end) = (0, n.min(SIZE));
                Step::Moved
            }
            Err(e) if is_later(&e) => Step::Waiting,
            Err(_) => {
                self.ended = true;
                Step::Gone
            }
        }
    }

    /// Writes what is held.
    pub fn drain(&mut self, write: impl FnOnce(&[u8]) -> io::Result<usize>) -> Step {
        let Some(held) = self.buffer.get(self.start..self.end).filter(|held| !held.is_empty()) else {
            return Step::Waiting;
        };
        match write(held) {
            Ok(n) => {
                let n = n.min(held.len());
                self.start += n;
                self.carried += n as u64;
                if n == 0 { Step::Waiting } else { Step::Moved }
            }
            Err(e) if is_later(&e) => Step::Waiting,
            Err(_) => Step::Gone,
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However reads and writes are cut, every byte arrives once and in order.
        #[test]
        fn bytes_arrive_in_order(data: Vec<u8>, cuts in proptest::collection::vec(0usize..9, 1..50)) {
            let (mut way, mut source, mut taken) = (Way::default(), &data[..], Vec::new());
            for cut in cuts.iter().cycle() {
                if way.is_empty() {
                    let step = way.fill(|buffer| {
                        if *cut == 0 && !source.is_empty() {
                            return Err(io::ErrorKind::WouldBlock.into());
                        }
                        let n = (*cut).min(source.len());
                        buffer[..n].copy_from_slice(&source[..n]);
                        source = &source[n..];
                        Ok(n)
                    });
                    if step == Step::Ended {
                        break;
                    }
                }
                way.drain(|held| {
                    let n = held.len().min(*cut + 1);
                    taken.extend_from_slice(&held[..n]);
                    Ok(n)
                });
                if *cut == 0 && cuts.iter().all(|c| *c == 0) {
                    break;
                }
            }
            prop_assert_eq!(way.carried as usize, taken.len());
            prop_assert!(data.starts_with(&taken));
            prop_assert!(!way.ended || taken == data);
        }
    }

    #[test]
    fn errors_are_the_end_and_later_is_not() {
        let mut way = Way::default();
        assert_eq!(way.fill(|_| Err(io::ErrorKind::WouldBlock.into())), Step::Waiting);
        assert_eq!(way.drain(|_| Ok(1)), Step::Waiting, "nothing is held");
        assert_eq!(way.fill(|_| Ok(3)), Step::Moved);
        assert_eq!(way.drain(|_| Err(io::ErrorKind::BrokenPipe.into())), Step::Gone);
        assert_eq!(way.fill(|_| Err(io::ErrorKind::ConnectionReset.into())), Step::Gone);
        assert!(way.ended);
    }
}
