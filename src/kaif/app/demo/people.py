"""Who lives in the stories: the name that they have there, their username and the name that is shown."""

# The operator: the first account.
OPERATOR = "irina"
# Whose eyes a visitor looks through.
VISITOR = "anna"

PEOPLE = {
    "irina": ("irina.ozerova", "Ирина Озерова"),
    "anna": ("anna.vetrova", "Анна Ветрова"),
    "marina": ("marina.sokolova", "Марина Соколова"),
    "timur": ("timur.akhmetov", "Тимур Ахметов"),
    "artem": ("artem.lebedev", "Артём Лебедев"),
    "oliver": ("oliver.grant", "Oliver Grant"),
    "darya": ("darya.klimova", "Дарья Климова"),
    "gleb": ("gleb.orlov", "Глеб Орлов"),
    "lena": ("lena.zimina", "Лена Зимина"),
    "emma": ("emma.clarke", "Emma Clarke"),
    "ivan": ("ivan.petrov", "Иван Петров"),
    "sofia": ("sofia.belova", "София Белова"),
    "jack": ("jack.miller", "Jack Miller"),
    "olga": ("olga.novikova", "Ольга Новикова"),
    "kirill": ("kirill.frolov", "Кирилл Фролов"),
    "grace": ("grace.hughes", "Grace Hughes"),
    "nikita": ("nikita.morozov", "Никита Морозов"),
    "vera": ("vera.egorova", "Вера Егорова"),
    "liam": ("liam.walker", "Liam Walker"),
    "polina": ("polina.dyachenko", "Полина Дьяченко"),
    "roman": ("roman.titov", "Роман Титов"),
    "chloe": ("chloe.bennett", "Chloe Bennett"),
    "maksim": ("maksim.gusev", "Максим Гусев"),
    "alina": ("alina.safina", "Алина Сафина"),
    "henry": ("henry.cooper", "Henry Cooper"),
    "boris": ("boris.kuznetsov", "Борис Кузнецов"),
    "fatima": ("fatima.yusupova", "Фатима Юсупова"),
    "stepan": ("stepan.ilin", "Степан Ильин"),
    "zoe": ("zoe.adams", "Zoe Adams"),
    "promo": ("easy.income", "Доход каждый день"),
}
# Who uses the client in English.
ENGLISH = {"oliver", "emma", "jack", "grace", "liam", "chloe", "henry", "zoe"}
# Who has not chosen a picture: the letters of their names stand for them.
WITHOUT_PICTURE = {"fatima", "henry", "promo", "roman", "stepan"}
LONG_HAIRED = {
    "irina", "anna", "marina", "darya", "lena", "emma", "sofia", "olga",
    "grace", "vera", "polina", "chloe", "alina", "zoe",
}  # fmt: skip
