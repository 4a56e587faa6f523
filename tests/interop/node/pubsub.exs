# Behaves like Phoenix.PubSub's PG2 adapter on one node: a process in the group of the adapter, in the scope
# Phoenix.PubSub, that broadcasts to the members on other nodes and hands on what they forward.
[node] = System.argv() |> Enum.map(&String.to_atom/1)
adapter = Chat.PubSub.Adapter
{:ok, _} = :pg.start_link(Phoenix.PubSub)
:ok = :pg.join(Phoenix.PubSub, adapter, self())
true = Node.connect(node)

others = fn others ->
  case Enum.filter(:pg.get_members(Phoenix.PubSub, adapter), &(node(&1) != node())) do
    [] -> Process.sleep(10) && others.(others)
    pids -> pids
  end
end

for pid <- others.(others), do: send(pid, {:forward_to_local, "room:1", %{text: "from elixir"}, Phoenix.PubSub})

receive do
  {:forward_to_local, topic, message, dispatcher} -> IO.inspect({topic, message, dispatcher})
after
  20_000 -> IO.inspect(:nothing)
end
