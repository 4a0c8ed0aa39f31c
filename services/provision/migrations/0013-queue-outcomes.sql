-- A message that asks for an outcome leaves its queue only in a transaction that has appended the outcome. All others take the same single
-- statements as before.

-- Two queues can have messages with one id.
alter table quarantine drop constraint quarantine_pkey, add primary key (tenant, id, source);

-- Kafka keeps what a director may store again for seven days. A position that has not moved for thirty days hides nothing.
alter table queue_positions add column moved timestamptz not null default now();

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

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
create or replace function queue_settle(queue text, place text, asked text[]) returns void language plpgsql set search_path from current as $$
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

-- Also returns in `asking` the messages with their last attempt behind them that ask for an outcome: for queue_quarantine_ends.
drop function queue_claim(text[], integer[], float8[], integer[], integer);
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

-- Also deletes the position of a queue that is not used. An expired message that asks for an outcome is left to the director's sweep.
create or replace function queue_sweep(queue text, place text, most integer) returns integer language plpgsql set search_path from current as $$
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
