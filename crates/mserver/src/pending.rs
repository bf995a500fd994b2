//! Bytes that wait for a side that does not take them.

/// A queue that costs nothing while it is empty, and does not move its bytes while they go out in pieces.
#[derive(Debug, Default)]
pub struct Pending {
    bytes: Vec<u8>,
    /// So many at the front have gone.
    gone: usize,
}

impl Pending {
    /// What waits, in its order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Whether none wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts more behind what waits.
    pub fn push(&mut self, more: &[u8]) {
        // A queue that is never empty does not grow by what has gone.
        if self.gone > 0 && self.bytes.len() + more.len() > self.bytes.capacity() {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    /// The first `count` have gone; an empty queue gives its room back.
    pub fn went(&mut self, count: usize) {
        self.gone += count;
        if self.gone >= self.bytes.len() {
            *self = Pending::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_room_is_given_back(
            steps in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..50), 0usize..60), 1..50)
        ) {
            let (mut pending, mut all, mut out) = (Pending::default(), Vec::new(), Vec::new());
            for (more, taken) in steps {
                pending.push(&more);
                all.extend_from_slice(&more);
                let taken = taken.min(pending.len());
                out.extend_from_slice(&pending.bytes()[..taken]);
                pending.went(taken);
                prop_assert!(pending.bytes.capacity() <= 8 * (pending.len() + 60));
                prop_assert!(!pending.is_empty() || pending.bytes.capacity() == 0);
            }
            out.extend_from_slice(pending.bytes());
            prop_assert_eq!(out, all);
        }
    }
}
