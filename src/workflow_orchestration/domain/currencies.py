"""ISO 4217: active currency codes and their minor units (decimals); funds and metals codes are left out."""

from __future__ import annotations

from decimal import Decimal

_DECIMALS: dict[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
    MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK
    SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD
    XCG YER ZAR ZMW ZWG""",
}
_MINOR_UNITS = {code: decimals for decimals, codes in _DECIMALS.items() for code in codes.split()}


def codes() -> tuple[str, ...]:
    """Every active code."""
    return tuple(sorted(_MINOR_UNITS))


def minor_units(ccy: str) -> int | None:
    """Decimals of a currency; None when there is no such currency."""
    return _MINOR_UNITS.get(ccy)


def smallest(ccy: str) -> Decimal:
    """One minor unit: 0.01 for EUR, 1 for JPY; 0.01 for an unknown currency."""
    return Decimal(1).scaleb(-_MINOR_UNITS.get(ccy, 2))


def fits(ccy: str, value: Decimal) -> bool:
    """Has the amount no more decimals than its currency?"""
    return value == value.quantize(smallest(ccy))
