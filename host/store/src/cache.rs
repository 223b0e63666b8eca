use std::collections::HashMap;
use std::sync::Mutex;

/// What one entry weighs beyond what it is said to: its key, the table's share.
const OVERHEAD: usize = 256;

/// A map of bounded weight that forgets what was not asked for lately.
///
/// Each shard has a young and an old generation. What is put or found goes to the young one; when that has grown
/// to half of the shard's weight it becomes the old one, and the old one is forgotten.
pub(crate) struct Cache<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    generation: usize,
}

struct Shard<V> {
    young: HashMap<Box<str>, (V, usize)>,
    old: HashMap<Box<str>, (V, usize)>,
    weight: usize,
}

impl<V: Clone> Cache<V> {
    /// A cache that holds `weight` bytes at most, counting what [`put`](Cache::put) is told and the keys, and no value
    /// of more than half a shard: with many shards threads seldom meet at a lock, with few there is room for what is
    /// large.
    pub fn new(weight: usize, shards: usize) -> Cache<V> {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new(), weight: 0 });
        Cache { shards: (0..shards).map(|_| shard()).collect(), generation: weight / shards / 2 }
    }

    pub fn get(&self, key: &str) -> Option<V> {
        let mut shard = self.shard(key);
        if let Some((value, _)) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = shard.old.remove_entry(key)?;
        shard.insert(key, value.clone(), weight, self.generation);
        Some(value)
    }

    /// Remembers a value that weighs `weight` bytes; one that is too heavy for its shard is not remembered.
    pub fn put(&self, key: &str, value: V, weight: usize) {
        let weight = weight + key.len() + OVERHEAD;
        let mut shard = self.shard(key);
        shard.forget(key);
        if weight <= self.generation {
            shard.insert(key.into(), value, weight, self.generation);
        }
    }

    pub fn remove(&self, key: &str) {
        self.shard(key).forget(key);
    }

    fn shard(&self, key: &str) -> std::sync::MutexGuard<'_, Shard<V>> {
        self.shards[spread(key) % self.shards.len()].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: Box<str>, value: V, weight: usize, generation: usize) {
        if self.weight + weight > generation {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, (value, weight));
    }

    fn forget(&mut self, key: &str) {
        self.old.remove(key);
        if let Some((_, weight)) = self.young.remove(key) {
            self.weight -= weight;
        }
    }
}

/// A cheap spread over the shards, of eight bytes at a time. The maps have a hash of their own that withstands
/// chosen keys.
pub(crate) fn spread(key: &str) -> usize {
    let mut hash = 0u64;
    for part in key.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (hash >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_until_it_is_removed() {
        let cache = Cache::new(1 << 20, 32);
        cache.put("a", 1, 0);
        cache.put("a", 2, 0);
        assert_eq!(cache.get("a"), Some(2));
        cache.remove("a");
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn the_weight_is_bounded_and_what_is_in_use_stays() {
        let cache = Cache::new(1 << 20, 32);
        cache.put("wanted", 0, 1 << 10);
        for i in 0..100_000 {
            cache.put(&i.to_string(), i, 1 << 10);
            assert_eq!(cache.get("wanted"), Some(0));
        }
        let held: usize =
            cache.shards.iter().map(|s| s.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(held > 100, "{held}");
        assert!(held * ((1 << 10) + OVERHEAD) <= 1 << 20, "{held}");
    }

    #[test]
    fn what_is_too_heavy_is_not_remembered_nor_is_what_it_replaces() {
        let cache = Cache::new(1 << 20, 32);
        cache.put("a", 1, 10);
        cache.put("a", 2, 1 << 20);
        assert_eq!(cache.get("a"), None);
    }
}
