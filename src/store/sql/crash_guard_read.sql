SELECT first_offset, last_offset, trial_first, trial_last, trial_alone, alone_deaths, epoch,
       counted_epochs
FROM crash_guards WHERE topic = $1 AND partition = $2
FOR UPDATE
