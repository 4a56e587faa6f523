# Calls the shop, a server in C++:
#
#   elixir --sname me@localhost client.exs
defmodule Shop.Order do
  defstruct [:id, :item, :note]
end

defmodule Client do
  @shop {:shop, :shop@localhost}

  def run do
    true = Node.connect(:shop@localhost)
    {:ok, id} = GenServer.call(@shop, {:place, %Shop.Order{id: 0, item: "tea", note: "green"}})
    {:ok, %Shop.Order{id: ^id, item: "tea", note: "green"}} = GenServer.call(@shop, {:find, id})
    {:ok, next} = GenServer.call(@shop, {:place, %Shop.Order{id: 0, item: "cup"}})
    {:ok, %Shop.Order{note: nil} = cup} = GenServer.call(@shop, {:find, next})
    IO.inspect(cup)
    IO.inspect(GenServer.call(@shop, {:find, 42}))
  end
end

Client.run()
