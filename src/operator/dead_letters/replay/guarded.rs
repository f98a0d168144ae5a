//! Letters of a run that are noted before they are decoded, so that one that kills its process is
//! found when the run is resumed. A dry run writes nothing, and neither does the replay of a letter
//! that a person names: they see what it does to their process.

use foldhash::HashSet;

use super::{Attempt, Chunk, Replayed};
use crate::domain::rejection::DeadLetterReason;
use crate::pipeline::Pipeline;
use crate::pipeline::in_hand::Hand;
use crate::store::StoreError;
use crate::store::failing::{self, Kind};

impl Pipeline {
    /// As [`Pipeline::replay_chunk`], for the run of that number: what was in hand at a death is
    /// tried apart, in its order; what the process died at twice, alone, still fails.
    ///
    /// # Errors
    /// When the database fails; what was committed before, with the run's cursor, stays.
    pub async fn replay_in_hand(
        &self,
        chunk: Chunk<'_>,
        run: i64,
        failing: &mut HashSet<String>,
    ) -> Result<Vec<(i64, Replayed)>, StoreError> {
        let names: Vec<String> = chunk.ids.iter().map(ToString::to_string).collect();
        let mut hand = self.take_in_order(Kind::Letter, run, &names).await?;
        let mut replayed = Vec::with_capacity(chunk.ids.len());
        let worked = self.replay_groups(&mut hand, chunk, failing, &mut replayed).await;
        hand.end_after(worked).await?;
        Ok(replayed)
    }

    async fn replay_groups(
        &self,
        hand: &mut Hand<'_>,
        chunk: Chunk<'_>,
        failing: &mut HashSet<String>,
        replayed: &mut Vec<(i64, Replayed)>,
    ) -> Result<(), StoreError> {
        while let Some(group) = hand.next().await? {
            let ids: Vec<i64> = group.items.iter().filter_map(|item| item.parse().ok()).collect();
            let part = Chunk { ids: &ids, ..chunk };
            if group.put_aside() {
                let code = DeadLetterReason::CrashLoop.code().to_owned();
                let told = Some(Replayed::StillFailing { code });
                if let Attempt::Done(done) = self.replay_part(part, failing, told).await? {
                    replayed.extend(done);
                }
                continue;
            }
            replayed.extend(self.replay_chunk(part, failing).await?);
            if group.alone() {
                failing::clear(self.pool(), Kind::Letter, &group.items).await?;
            }
        }
        Ok(())
    }
}
