-- A message of a queue is a row of stored_notifications with the client `tenant/{queue}`. The director inserts the rows of a queue in the order of
-- their sequences, so no new row comes below one that can be read.

-- Each message up to and with `sequence` is confirmed or expired. A row at or below it is never returned, even if it is inserted again, and is
-- deleted. All that changes a queue locks this row first: each later statement then sees all earlier changes.
-- Kafka keeps what a director may store again for seven days, so a position that has not moved for thirty days hides nothing.
create table queue_positions (
  client text collate "C" primary key,
  sequence text collate "C" not null,
  moved timestamptz not null default now()
) with (fillfactor = 50);

-- Messages behind the position: claimed by a worker until a time, or confirmed.
create table claims (
  client text collate "C" not null,
  sequence text collate "C" not null,
  until timestamptz,
  attempts integer not null default 0,
  confirmed boolean not null default false,
  primary key (client, sequence)
) partition by hash (client);

create table claims_0 partition of claims for values with (modulus 16, remainder 0);
create table claims_1 partition of claims for values with (modulus 16, remainder 1);
create table claims_2 partition of claims for values with (modulus 16, remainder 2);
create table claims_3 partition of claims for values with (modulus 16, remainder 3);
create table claims_4 partition of claims for values with (modulus 16, remainder 4);
create table claims_5 partition of claims for values with (modulus 16, remainder 5);
create table claims_6 partition of claims for values with (modulus 16, remainder 6);
create table claims_7 partition of claims for values with (modulus 16, remainder 7);
create table claims_8 partition of claims for values with (modulus 16, remainder 8);
create table claims_9 partition of claims for values with (modulus 16, remainder 9);
create table claims_10 partition of claims for values with (modulus 16, remainder 10);
create table claims_11 partition of claims for values with (modulus 16, remainder 11);
create table claims_12 partition of claims for values with (modulus 16, remainder 12);
create table claims_13 partition of claims for values with (modulus 16, remainder 13);
create table claims_14 partition of claims for values with (modulus 16, remainder 14);
create table claims_15 partition of claims for values with (modulus 16, remainder 15);

-- Messages that no worker could handle: each was claimed as often as its queue allows. A tenant's operators read and redrive them. Two queues can
-- have messages with one id.
create table quarantine (
  tenant text collate "C" not null,
  id uuid not null,
  source text not null,
  reason text not null,
  headers jsonb,
  body bytea not null,
  at timestamptz not null default now(),
  primary key (tenant, id, source)
);
create index quarantine_at on quarantine (at);

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- A subquery with a limit or an offset is never made a join: a join could read all claims of a queue for each message.

-- A message that asks for an outcome leaves its queue only in a transaction that has appended the outcome (the functions named *_end and *_ends). All
-- others take single statements.

-- Locks a queue and returns its position, or null for a queue without messages. A caller locks several queues in the order of their keys.
create function queue_lock(queue text) returns text language plpgsql set search_path from current as $$
declare
  place text collate "C";
begin
  select sequence into place from queue_positions where client = queue for update;
  if place is null and exists (select from stored_notifications where client = queue) then
    insert into queue_positions (client, sequence) values (queue, '') on conflict do nothing;
    select sequence into place from queue_positions where client = queue for update;
  end if;
  return place;
end $$;

-- Moves the position of a locked queue to the first gap, after these messages were deleted. Those behind the gap stand in `claims` until it closes.
create function queue_advance(queue text, place text, gone text[]) returns void language plpgsql set search_path from current as $$
declare
  gap text collate "C";
  reached text collate "C";
begin
  -- An expired message is no gap.
  select sequence into gap from stored_notifications as stored
  where client = queue and sequence > place and (expires is null or expires > clock_timestamp())
    and not exists (select from claims where claims.client = queue and claims.sequence = stored.sequence and confirmed offset 0)
  order by sequence limit 1;
  -- Greater than every sequence.
  gap := coalesce(gap, 'g');
  select greatest(place collate "C", max(sequence)) into reached from (
    select unnest(gone) collate "C" as sequence
    union all
    (select sequence from claims where client = queue and sequence > place and sequence < gap and confirmed order by sequence desc limit 1)
  ) as settled where sequence < gap;
  insert into claims (client, sequence, confirmed)
  select queue, sequence, true from unnest(gone) as each(sequence) where sequence > reached
  on conflict (client, sequence) do update set confirmed = true, until = null;
  if reached > place then
    delete from claims where client = queue and sequence > place and sequence <= reached;
    update queue_positions set sequence = reached, moved = now() where client = queue;
  end if;
end $$;

-- Deletes those of these messages that ask for no outcome.
create function queue_settle(queue text, place text, asked text[]) returns void language plpgsql set search_path from current as $$
declare
  gone text[];
begin
  with deleted as (
    delete from stored_notifications where client = queue and sequence = any(asked) and outcomes is null returning sequence
  ) select coalesce(array_agg(sequence), '{}') into gone from deleted;
  perform queue_advance(queue, place, gone);
end $$;

-- Deletes those that ask for an outcome, and returns them. The caller commits when it has appended the outcomes.
create function queue_end(queue text, place text, asked text[]) returns table (key text, id bytea, name text)
language plpgsql set search_path from current as $$
declare
  gone text[] := '{}';
  each record;
begin
  for each in
    delete from stored_notifications where client = queue and sequence = any(asked) and outcomes is not null
    returning sequence, substring(body from 1 for 16) as id, outcomes
  loop
    gone := gone || each.sequence;
    key := queue;
    id := each.id;
    name := each.outcomes;
    return next;
  end loop;
  perform queue_advance(queue, place, gone);
end $$;

-- Confirms messages: the first counts[1] of `asked` are of the first queue. Returns the places in `asked` of those that were never confirmed and are
-- not stored.
create function queue_confirm(queues text[], counts integer[], asked text[]) returns setof integer language plpgsql set search_path from current as $$
declare
  before integer := 0;
  part text[];
  place text collate "C";
begin
  for number in 1 .. cardinality(queues) loop
    part := asked[before + 1 : before + counts[number]];
    place := queue_lock(queues[number]);
    if place is not null then
      perform queue_settle(queues[number], place, part);
      select sequence into place from queue_positions where client = queues[number];
    end if;
    return query select before + each.spot::integer from unnest(part) with ordinality as each(sequence, spot)
      where (place is null or each.sequence > place)
        and not exists (select from claims where client = queues[number] and claims.sequence = each.sequence and confirmed offset 0);
    before := before + counts[number];
  end loop;
end $$;

-- As queue_confirm, for messages that ask for an outcome.
create function queue_confirm_ends(queues text[], counts integer[], asked text[]) returns table (key text, id bytea, name text)
language plpgsql set search_path from current as $$
declare
  before integer := 0;
  place text collate "C";
begin
  for number in 1 .. cardinality(queues) loop
    place := queue_lock(queues[number]);
    if place is not null then
      return query select * from queue_end(queues[number], place, asked[before + 1 : before + counts[number]]);
    end if;
    before := before + counts[number];
  end loop;
end $$;

create function queue_quarantine_full(queue text) returns boolean language sql stable set search_path from current as $$
  select exists (select from quarantine where tenant = split_part(queue, '/', 1) offset 99999)
$$;

-- Copies messages to quarantine.
create function queue_quarantine(queue text, spent text[]) returns void language sql set search_path from current as $$
  insert into quarantine (tenant, id, source, reason, body)
  select split_part(queue, '/', 1), encode(substring(body from 1 for 16), 'hex')::uuid,
    'queue/' || rtrim(split_part(queue, '{', 2), '}'), 'attempts', body
  from stored_notifications where client = queue and sequence = any(spent)
  on conflict (tenant, id, source) do update set reason = excluded.reason, body = excluded.body, at = now()
$$;

-- Moves messages that ask for an outcome to quarantine, if they still have as many attempts and no worker. Returns them as queue_end does.
create function queue_quarantine_ends(queue text, most integer, asked text[]) returns table (key text, id bytea, name text)
language plpgsql set search_path from current as $$
declare
  place text collate "C" := queue_lock(queue);
  spent text[];
begin
  if place is null or queue_quarantine_full(queue) then
    return;
  end if;
  spent := array(select sequence from claims where client = queue and sequence = any(asked) and sequence > place and attempts >= most
    and not confirmed and (until is null or until <= clock_timestamp()));
  perform queue_quarantine(queue, spent);
  return query select * from queue_end(queue, place, spent);
end $$;

-- Claims the oldest free messages of each queue: at most `most`, up to the one that reaches `bytes`. `limits`: a message with as many attempts goes to
-- quarantine; null for none. A page is rows of: sequence, appended int8 (ms), attempts int4, length int4, body.
-- `asking`: those with their last attempt behind them that ask for an outcome, for queue_quarantine_ends.
create function queue_claim(queues text[], most integer[], seconds float8[], limits integer[], bytes integer)
returns table (request integer, page bytea, quarantined integer, full_quarantine boolean, asking text[]) language plpgsql set search_path from current as $$
declare
  place text collate "C";
  spent text[];
  present timestamptz;
begin
  for number in 1 .. cardinality(queues) loop
    place := queue_lock(queues[number]);
    continue when place is null;
    request := number;
    quarantined := 0;
    full_quarantine := false;
    -- After the lock: another claim may have ended while this one waited.
    present := clock_timestamp();
    with free as materialized (
      select *, coalesce(attempts >= limits[number], false) as is_spent,
        sum(octet_length(body)) over (order by sequence rows unbounded preceding) - octet_length(body) as ahead
      from (
        select stored.sequence, (extract(epoch from stored.appended) * 1000)::int8 as appended, stored.body, stored.outcomes,
          coalesce(claim.attempts, 0) as attempts
        from stored_notifications as stored
        left join lateral (
          select until, attempts, confirmed from claims where client = queues[number] and claims.sequence = stored.sequence limit 1
        ) as claim on true
        where stored.client = queues[number] and stored.sequence > place and (stored.expires is null or stored.expires > present)
          and claim.confirmed is not true and (claim.until is null or claim.until <= present)
        order by stored.sequence limit most[number]
      ) as oldest
    ), taken as (
      insert into claims as kept (client, sequence, until, attempts)
      select queues[number], sequence, present + make_interval(secs => seconds[number]), attempts + 1
      from free where ahead < bytes and not is_spent
      on conflict (client, sequence) do update set until = excluded.until, attempts = excluded.attempts
    )
    select
      string_agg(convert_to(sequence, 'UTF8') || int8send(appended) || int4send(attempts + 1) || int4send(octet_length(body)) || body, ''
        order by sequence) filter (where not is_spent),
      array_agg(sequence) filter (where is_spent and outcomes is null),
      array_agg(sequence) filter (where is_spent and outcomes is not null)
    into page, spent, asking from free where ahead < bytes;
    if spent is not null or asking is not null then
      full_quarantine := queue_quarantine_full(queues[number]);
    end if;
    if full_quarantine then
      asking := null;
    elsif spent is not null then
      perform queue_quarantine(queues[number], spent);
      perform queue_settle(queues[number], place, spent);
      quarantined := cardinality(spent);
    end if;
    return next;
  end loop;
end $$;

-- Lets claims end so many seconds from now; 0 releases the message. Returns the places of those that their worker still had.
create function queue_renew(queues text[], counts integer[], asked text[], numbers integer[], seconds float8[])
returns setof integer language plpgsql set search_path from current as $$
declare
  before integer := 0;
  ending integer;
  present timestamptz;
  each record;
begin
  for number in 1 .. cardinality(queues) loop
    ending := before + counts[number];
    if queue_lock(queues[number]) is not null then
      present := clock_timestamp();
      for each in select * from unnest(asked[before + 1 : ending], numbers[before + 1 : ending], seconds[before + 1 : ending])
        with ordinality as claim(sequence, attempts, seconds, spot)
      loop
        update claims set until = present + make_interval(secs => each.seconds)
        where client = queues[number] and sequence = each.sequence and attempts = each.attempts and not confirmed and until > present;
        if found then
          return next before + each.spot::integer;
        end if;
      end loop;
    end if;
    before := ending;
  end loop;
end $$;

-- Deletes up to `most` messages that were inserted again after they were confirmed, and as many claims of messages that are gone; closes gaps that
-- expired. Returns the number of deleted messages.
-- Also deletes the position of a queue that is not used. An expired message that asks for an outcome is left to the director's sweep.
create function queue_sweep(queue text, place text, most integer) returns integer language plpgsql set search_path from current as $$
declare
  swept integer;
begin
  delete from stored_notifications where client = queue and sequence = any(array(
    select sequence from stored_notifications where client = queue and sequence <= place and (outcomes is null or expires is null)
    order by sequence limit most));
  get diagnostics swept = row_count;
  delete from claims where client = queue and sequence = any(array(
    select sequence from claims as claim where client = queue and not confirmed and until < now() - interval '1 minute'
      and not exists (select from stored_notifications as stored where stored.client = queue and stored.sequence = claim.sequence offset 0)
    order by sequence limit most));
  if exists (select from claims where client = queue and confirmed) then
    perform queue_settle(queue, queue_lock(queue), '{}');
  end if;
  delete from queue_positions where client = queue and moved < now() - interval '30 days'
    and not exists (select from stored_notifications as stored where stored.client = queue offset 0)
    and not exists (select from claims as claim where claim.client = queue offset 0);
  return swept;
end $$;
