//! Things with small stable numbers.

/// Values by number; a number is used again when its value is gone. Values are boxed: room that was once
/// needed costs eight bytes.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Option<Box<T>>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value in; gives its number.
    pub fn insert(&mut self, value: T) -> usize {
        let value = Some(Box::new(value));
        match self.free.pop() {
            Some(number) => {
                if let Some(entry) = self.entries.get_mut(number) {
                    *entry = value;
                }
                number
            }
            None => {
                self.entries.push(value);
                self.entries.len() - 1
            }
        }
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&T> {
        self.entries.get(number)?.as_deref()
    }

    /// The value of a number, to be changed.
    pub fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.entries.get_mut(number)?.as_deref_mut()
    }

    /// Takes a value out.
    pub fn remove(&mut self, number: usize) -> Option<T> {
        let value = self.entries.get_mut(number)?.take()?;
        self.free.push(number);
        Some(*value)
    }

    /// All values with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.entries.iter().enumerate().filter_map(|(n, e)| e.as_deref().map(|e| (n, e)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_used_again() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        assert_eq!((slab.get(b), slab.get(a), slab.len()), (Some(&"b"), None, 1));
        assert_eq!(slab.insert("c"), a);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(a, &"c"), (b, &"b")]);
    }
}
