//! Maps that tell what is not there from what was not loaded.

use std::borrow::Borrow;
use std::hash::Hash;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::WorkingSet;
use crate::ids::PaymentId;
use crate::shared::Shared;
use crate::want::Want;

/// What is here of some keys, and which keys were asked for.
#[derive(Debug, Clone)]
pub(super) struct Known<K, V> {
    here: HashMap<K, V>,
    asked: Shared<HashSet<K>>,
}

/// What a look-up finds.
#[derive(Debug)]
pub(super) enum Answer<'a, V> {
    There(&'a V),
    NotThere,
    NotLoaded,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self { here: HashMap::new(), asked: HashSet::new().into() }
    }
}

impl<'a, V> Answer<'a, V> {
    pub(super) fn found(self) -> Option<&'a V> {
        match self {
            Self::There(found) => Some(found),
            Self::NotThere | Self::NotLoaded => None,
        }
    }
}

impl<K: Hash + Eq + Clone, V> Known<K, V> {
    /// What is found of the key is here, or comes before anything is decided.
    pub(super) fn ask(&mut self, key: K) {
        self.asked.insert(key);
    }

    /// As [`Self::ask`]; what is here of it does not count any more.
    pub(super) fn ask_anew(&mut self, key: K) {
        self.here.remove(&key);
        self.ask(key);
    }

    pub(super) fn is_asked<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.asked.contains(key)
    }

    /// What happens to be here. That something is not says nothing.
    pub(super) fn here(&self) -> &HashMap<K, V> {
        &self.here
    }

    pub(super) fn here_mut(&mut self) -> &mut HashMap<K, V> {
        &mut self.here
    }
}

impl WorkingSet {
    /// All that is known of a key. If that was not loaded, the want is noted.
    pub(super) fn all<'a, K, V, Q>(
        &self,
        known: &'a Known<K, V>,
        key: &Q,
        want: impl FnOnce(K) -> Want,
    ) -> Answer<'a, V>
    where
        K: Borrow<Q> + Hash + Eq + Clone,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if self.complete || known.is_asked(key) {
            return known.here.get(key).map_or(Answer::NotThere, Answer::There);
        }
        self.misses(want(key.to_owned()));
        Answer::NotLoaded
    }

    /// As [`Self::all`] of what is known of a payment: one that begins in this batch has only what
    /// the batch gave it.
    pub(super) fn of_payment<'a, V>(
        &self,
        known: &'a Known<PaymentId, V>,
        payment_id: &PaymentId,
        want: impl FnOnce(PaymentId) -> Want,
    ) -> Option<&'a V> {
        if self.begun.contains(payment_id) {
            return known.here.get(payment_id);
        }
        self.all(known, payment_id, want).found()
    }

    /// The payment begins here: nothing of it was there, and nothing was said of it, before.
    pub fn begin(&mut self, payment_id: PaymentId) {
        self.payments.ask(payment_id.clone());
        self.begun.insert(payment_id);
    }

    /// As [`Self::all`] where a key has one value: what is here of it is all of it.
    pub(super) fn one<'a, K, V, Q>(
        &self,
        known: &'a Known<K, V>,
        key: &Q,
        want: impl FnOnce(K) -> Want,
    ) -> Option<&'a V>
    where
        K: Borrow<Q> + Hash + Eq + Clone,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        known.here.get(key).or_else(|| self.all(known, key, want).found())
    }
}
